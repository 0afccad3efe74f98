#!/bin/bash
# All tests, part by part: npm test [-- PART…]. Real mounts, each part in a mount namespace of its own. Parts that are
# named run one after another; all of them run two at a time where they can.
# MUST_WORK=1 turns a skip for a missing part into a failure.
set -eu
cd "$(dirname "$0")/.."
whole=$#
[ $# -gt 0 ] || set -- unit native config operations helper faults portage main package boot-one
more=
case " $* " in *" boot"*) more="qemu-system-x86 mmdebstrap cpio" ;; esac
# The cross compiler, and libatomic1 for Node 26.
case " $* " in *" package"*) more="$more g++-aarch64-linux-gnu qemu-user-static libatomic1 cmake" ;; esac
# Another kernel as a process, which Debian has for x86 only.
case "$(uname -m) $* " in "x86_64 "*faults*) more="$more user-mode-linux" ;; esac
# shellcheck disable=SC2086 # a list of words
sh scripts/setup.sh strace linux-source-6.1 linux-config-6.1 gcc-aarch64-linux-gnu procps e2fsprogs btrfs-progs musl-dev gpg gpg-agent gpgv lz4 lzop systemd patch git erofs-utils squashfuse fuse3 libfuse3-dev faketime zsh fish mandoc $more

certificates=${NODE_EXTRA_CA_CERTS-}
unset NODE_EXTRA_CA_CERTS
results=$(mktemp -d)
lanes=
made_etc=
tidy() {
	for lane in $lanes; do kill -TERM -- "-$lane" 2>/dev/null || true; done
	[ -z "$made_etc" ] || rmdir /etc/ksquash 2>/dev/null || true
	rm -rf "$results"
}
trap tidy EXIT
trap 'exit 130' INT TERM

part() { # NAME FILTER…
	name=$1
	shift
	began=$(date +%s)
	printf '\n== %s\n' "$name"
	unshare --mount --propagation private npx vitest run "$@" \
		--reporter=default --reporter=json --outputFile.json="$results/$name.json" </dev/null || : >"$results/failed"
	printf '== %s: %s s\n' "$name" "$(($(date +%s) - began))" | tee -a "$results/times"
}

# An emulated machine takes minutes: one of them, which goes round by commit. A shallow clone has no count; its hash will do.
machine_of_commit() {
	case $(git rev-parse --is-shallow-repository 2>/dev/null) in
	false) number=$(git rev-list --count HEAD) ;;
	true) number=$((0x$(git rev-parse --short=7 HEAD))) ;;
	*) number=0 ;;
	esac
	set -- test/boot/*.test.ts
	shift $((number % $#))
	basename "$1" .test.ts
}

run_part() {
	case $1 in
	unit) part unit test/unit ;;
	native) part native test/system/native/ ;;
	config) part config test/system/config/ ;;
	operations) part operations test/system/operations/ test/system/cli/ ;;
	faults) part faults test/fault ;;
	helper) part helper test/system/helper/ ;;
	portage) part portage test/portage ;;
	main) part main test/main ;;
	package)
		node scripts/prebuilds.mjs x64 arm64
		# npm fetches the Nodes, through a proxy of this machine's where there is one.
		[ -z "$certificates" ] || export NODE_EXTRA_CA_CERTS="$certificates"
		part package test/package
		unset NODE_EXTRA_CA_CERTS
		;;
	boot) part boot test/boot ;;
	boot-one)
		machine=$(machine_of_commit)
		printf '\n== the machine of this commit: %s (all of them: npm run test:boot)\n' "$machine"
		part boot "test/boot/$machine.test.ts"
		;;
	*)
		echo "parts: unit native config operations helper faults portage main package boot" >&2
		exit 64
		;;
	esac
}

# What a part says is printed when it ends: two lanes would write into each other's lines.
lane() { # PART…
	for each in "$@"; do
		printf '== %s begins\n' "$each"
		run_part "$each" >"$results/$each.log" 2>&1 || : >"$results/failed"
		cat "$results/$each.log"
	done
}

abreast() { # "PART…" "PART…"
	set -m # a process group each, to be ended as one
	for parts in "$@"; do
		# shellcheck disable=SC2086 # a list of words
		lane $parts &
		lanes="$lanes $!"
	done
	set +m
	for lane in $lanes; do wait "$lane" || : >"$results/failed"; done
	lanes=
}

# A mount point that a test makes on the machine's own /etc, and takes away, would take the other lane's mount with it.
[ -d /etc/ksquash ] || { mkdir /etc/ksquash && made_etc=yes; }

if [ "$whole" -gt 0 ]; then
	for name in "$@"; do run_part "$name"; done
else
	# native holds the lock of the loop devices until others' time is up; main uses all processors by itself.
	run_part native
	abreast "unit faults helper" "config operations portage"
	run_part main
	abreast package boot-one
fi

printf '\n'
cat "$results/times"
node scripts/count-tests.mjs "$results" || : >"$results/failed"
[ ! -e "$results/failed" ]
