#!/bin/sh
# The core under AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer: its own tests, then each fuzz target for
# KSQUASH_FUZZ_SECONDS (60), with seeds from this machine's mount table and images of every compressor.
set -eu
cd "$(dirname "$0")/.."
seconds=${KSQUASH_FUZZ_SECONDS:-60}
targets="mountinfo escapes superblock policy arguments"

for tool in clang++ cmake mksquashfs; do
	command -v "$tool" >/dev/null && continue
	echo "fuzz: $tool is not installed; skipped (Debian: clang libclang-rt-14-dev cmake squashfs-tools)" >&2
	[ "${MUST_WORK:-}" != 1 ] || exit 69
	exit 0
done

out=build/fuzz
cmake -S . -B "$out" -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO='-O1 -g' \
	-DKSQUASH_SANITIZE=ON -DKSQUASH_FUZZ=ON -DKSQUASH_TESTS=ON >/dev/null
cmake --build "$out" --parallel "$(nproc)" >"$out/build.log" 2>&1 || {
	cat "$out/build.log" >&2
	exit 70
}
"$out/core_test"

seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
mkdir "$seeds/tree"
for name in $targets; do mkdir "$seeds/$name"; done
printf 'text\n' >"$seeds/tree/file"
ln -s file "$seeds/tree/link"
for compressor in gzip lzo lz4 xz zstd; do
	mksquashfs "$seeds/tree" "$seeds/superblock/$compressor" -comp "$compressor" -quiet -no-progress -all-root >/dev/null
done
for flags in "-no-fragments -no-exports -no-xattrs" "-noI -noD -noF -b 4K"; do
	# shellcheck disable=SC2086 # a list of words
	mksquashfs "$seeds/tree" "$seeds/superblock/$(echo "$flags" | cksum | cut -d' ' -f1)" $flags -quiet -no-progress >/dev/null
done
cat /proc/self/mountinfo >"$seeds/mountinfo/own"
printf '36 35 98:0 /a\\040b /m\\134 rw,noatime shared:1 master:2 - ext3  rw,errors=continue\n' >"$seeds/mountinfo/odd"
printf '/usr/src/linux 6.1\\040\t\303\251\377' >"$seeds/escapes/path"
printf 'ro,nosuid,errors=panic,noatime' >"$seeds/escapes/options"
printf '65024:12345' >"$seeds/escapes/key"

cat >"$seeds/policy/users" <<'X'
version = 1
[rule users]
images = /usr/src
suffix = .sqfs
prefix = linux-
mountpoints = /usr/src
uids = 1000 1001
gids = 100
umount = yes
max_mounts = 8
max_size = 8G
X
printf 'ksquash-helper\0--json\0mount\0linux-6.1.7' >"$seeds/arguments/mount"
printf 'ksquash-helper\0status' >"$seeds/arguments/status"

export ASAN_OPTIONS=detect_leaks=1
mkdir "$seeds/target"
printf '== mount and unmount a hundred times, no leak\n'
unshare --mount --propagation private "$out/drive" cycle "$seeds/superblock/zstd" "$seeds/target" 100 >/dev/null
for name in $targets; do
	found="$out/corpus-$name"
	mkdir -p "$found"
	"$out/fuzz_$name" -max_total_time="$seconds" -timeout=30 -max_len=70000 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix="$out/crash-$name-" "$found" "$seeds/$name" >"$out/$name.log" 2>&1 &
	eval "pid_$name=$!"
done
status=0
for name in $targets; do
	eval "wait \$pid_$name" || {
		cat "$out/$name.log" >&2
		echo "fuzz: $name failed; the input lies in $out" >&2
		status=1
	}
	printf '== fuzz %s, %s s: %s inputs\n' "$name" "$seconds" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log")"
done
exit $status
