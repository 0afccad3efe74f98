#!/bin/bash
# All tests, or the parts named: npm test [-- PART…]. Real mounts, each job in a mount namespace of its own; three jobs at a
# time (scripts/lanes.mjs). KSQUASH_CHECKS="lint fuzz …" runs these npm scripts beside them, as CI does.
# MUST_WORK=1 turns a skip for a missing part into a failure.
set -eu
cd "$(dirname "$0")/.."
whole=
[ $# -gt 0 ] || { whole=1 && set -- unit native config operations helper faults portage main package boot-one; }
more=
case " $* " in *" boot"*) more="qemu-system-x86 mmdebstrap cpio" ;; esac
# The cross compiler, and libatomic1 for Node 26.
case " $* " in *" package"*) more="$more g++-aarch64-linux-gnu qemu-user-static libatomic1 cmake" ;; esac
# Another kernel as a process, which Debian has for x86 only.
case "$(uname -m) $* " in "x86_64 "*faults*) more="$more user-mode-linux" ;; esac
# shellcheck disable=SC2086 # a list of words
sh scripts/setup.sh strace linux-source-6.1 linux-config-6.1 gcc-aarch64-linux-gnu procps e2fsprogs btrfs-progs musl-dev gpg gpg-agent gpgv lz4 lzop systemd patch git erofs-utils squashfuse fuse3 libfuse3-dev faketime zsh fish mandoc $more

results=$(mktemp -d)
made_etc=
lanes=
tidy() {
	[ -z "$lanes" ] || kill -TERM "$lanes" 2>/dev/null || true
	[ -z "$made_etc" ] || rmdir /etc/ksquash 2>/dev/null || true
	rm -rf "$results"
}
trap tidy EXIT
trap 'exit 130' INT TERM

# A mount point that a test makes on the machine's own /etc, and takes away, would take another job's mount with it.
[ -d /etc/ksquash ] || { mkdir /etc/ksquash && made_etc=yes; }

for check in ${KSQUASH_CHECKS:-}; do set -- "$@" "run:$check"; done
node scripts/lanes.mjs "$results" "$@" &
lanes=$!
wait "$lanes" || : >"$results/failed"
lanes=
# shellcheck disable=SC2086 # nothing, or a file
KSQUASH_WHOLE=$whole node scripts/count-tests.mjs "$results" ${KSQUASH_SECONDS:-} || : >"$results/failed"
[ ! -e "$results/failed" ]
