#!/bin/sh
# The tests that run in node with the add-on built under ASan and UBSan and loaded there: npm run sanitize [-- TEST…],
# by default all of test/system/native and test/system/operations but for native/inject, whose program has no
# add-on and whose counted system calls a preloaded library changes.
# Node is not built for it, so the runtimes are preloaded, into every program that a test starts too; leaks of those are
# not ours, so LeakSanitizer runs where all code is ours: scripts/fuzz.sh.
set -eu
cd "$(dirname "$0")/.."
if [ $# -eq 0 ]; then
	for test in test/system/native/*.test.ts test/system/operations/*.test.ts; do
		[ "$test" = test/system/native/inject.test.ts ] || set -- "$@" "$test"
	done
fi
npm run --silent build

out=build/asan
mkdir -p "$out"
npx cmake-js compile --out "$out" --config RelWithDebInfo --CDKSQUASH_SANITIZE=ON >build/asan.log 2>&1 || {
	cat build/asan.log >&2
	exit 70
}
# In the place of the real one, since the loader takes no word from the environment.
real=build/Release/ksquash.node
cp "$real" "$out/plain.node"
trap 'cp "$out/plain.node" "$real"' EXIT
trap 'exit 130' INT TERM
find "$out" -name ksquash.node -exec cp {} "$real" \; -quit

libraries="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

status=0
for test in "$@"; do
	printf '== sanitized: %s\n' "$test"
	LD_PRELOAD="$libraries" unshare --mount --propagation private \
		node node_modules/vitest/vitest.mjs run "$test" >build/asan-run.log 2>&1 || {
		cat build/asan-run.log >&2
		status=1
	}
	grep 'Tests ' build/asan-run.log || status=1
	# Test processes that end badly may not fail a test.
	! grep -E 'ERROR: (Address|Leak)Sanitizer|runtime error:' build/asan-run.log || status=1
done
exit $status
