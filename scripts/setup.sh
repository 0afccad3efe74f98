#!/bin/sh
# Everything that ksquash's own commands need on a fresh machine: system packages, npm packages, the build.
# Called by start.sh and test.sh; does nothing twice. KSQUASH_NO_INSTALL=1: installs nothing, and names what is missing.
set -eu
cd "$(dirname "$0")/.."

debian="g++ make python3 squashfs-tools squashfs-tools-ng xz-utils zstd bzip2 gzip flex bison bc
	libelf-dev libssl-dev util-linux kmod ca-certificates"

say() { printf '%s\n' "$*" >&2; }

if [ "$(id -u)" != 0 ]; then
	say "ksquash mounts loop devices: run this as root."
	exit 77
fi

# Which of the packages named are not there?
missing() {
	for package in "$@"; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
		[ "$status" = installed ] || printf '%s ' "$package"
	done
}

refuse() {
	say "KSQUASH_NO_INSTALL=1, and $1"
	absent=yes
}
absent=

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	# shellcheck disable=SC2086 # two lists of words
	wanted=$(missing $debian "$@")
	if [ -n "$wanted" ] && [ "${KSQUASH_NO_INSTALL:-}" = 1 ]; then
		refuse "these packages are missing: $wanted"
	elif [ -n "$wanted" ]; then
		say "Installing: $wanted"
		# A mirror that stumbles, or another apt-get that runs just now, is waited for.
		patient="-o Acquire::Retries=4 -o DPkg::Lock::Timeout=300"
		# shellcheck disable=SC2086
		apt-get $patient update -qq
		# shellcheck disable=SC2086
		DEBIAN_FRONTEND=noninteractive apt-get $patient install -y -qq --no-install-recommends $wanted >/dev/null
	fi
else
	absent_programs=
	for program in g++ make python3 mksquashfs xz flex bison bc setpriv; do
		command -v "$program" >/dev/null || absent_programs="$absent_programs $program"
	done
	if [ -n "$absent_programs" ]; then
		say "These programs are missing:$absent_programs. Install what the build needs, then run this again:"
		say "  Gentoo:  emerge sys-fs/squashfs-tools app-arch/xz-utils sys-devel/{flex,bison,bc} sys-apps/util-linux"
		say "  Arch:    pacman -S base-devel python squashfs-tools xz flex bison bc util-linux"
		say "  Fedora:  dnf install gcc-c++ make python3 squashfs-tools xz flex bison bc elfutils-libelf-devel openssl-devel"
		absent=yes
	fi
fi

stamp=node_modules/.ksquash-lock
if cmp -s package-lock.json "$stamp" 2>/dev/null; then
	:
elif [ "${KSQUASH_NO_INSTALL:-}" = 1 ]; then
	refuse "the npm packages of package-lock.json are missing: npm ci, then cp package-lock.json $stamp"
elif [ -z "$absent" ]; then
	say "Installing npm packages"
	npm ci --no-audit --no-fund --loglevel=error >&2
	cp package-lock.json "$stamp"
fi

[ -z "$absent" ] || exit 69

say "Building"
npm run --silent build >build.log 2>&1 || {
	cat build.log >&2
	exit 70
}
rm -f build.log
