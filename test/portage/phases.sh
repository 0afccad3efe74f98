#!/bin/bash
# Merges and unmerges kernel sources with the hook as Portage does: each phase is a bash of its own, which loads the saved
# environment and then sources the file in /etc/portage/env; in the order that Portage 3.0.82 has for a merge.
# Usage: phases.sh HOOKFILE KSQUASH TREE, in a mount namespace of its own. Prints what a test looks at.
set -eu
hook=$1 ksquash=$2 tree=$3
work=$(mktemp -d /tmp/ksquash-test-portage.XXXXXX)
trap 'umount -l /usr/src /var/lib 2>/dev/null; rm -rf "$work"' EXIT
mount -t tmpfs none /usr/src
mount -t tmpfs none /var/lib
mkdir "$work/bin"
printf '#!/bin/sh\nexec %q %q "$@"\n' "$(command -v node)" "$ksquash" >"$work/bin/ksquash"
chmod 755 "$work/bin/ksquash"
PATH=$work/bin:$PATH
release=6.1.99-gentoo

phase() { # NAME…: in one process that ends as the phase does
	(
		einfo() { echo "einfo: $*"; }
		ewarn() { echo "ewarn: $*"; }
		eerror() { echo "eerror: $*"; }
		elog() { echo "elog: $*"; }
		die() {
			echo "die: $*"
			exit 1
		}
		ETYPE=sources KV_FULL=$release PVR=6.1.99 USE="symlink" EROOT=${EROOT-} ROOT=${EROOT-}
		WORKDIR=$work/work T=$work/temp
		export ARCH=amd64 CFLAGS=-O9 MAKEFLAGS=-n KBUILD_OUTPUT=/nowhere
		# What Portage saved, then the file: it wins.
		# shellcheck disable=SC1091
		if [[ -f $work/environment ]]; then source "$work/environment"; fi
		# shellcheck disable=SC1090
		if [[ -f $hook ]]; then source "$hook"; fi
		declare -f >"$work/environment"
		for name; do if declare -F "$name" >/dev/null; then "$name"; fi; done
	) </dev/null 2>&1
}

build() {
	rm -rf "$work/work" "$work/temp" "$work/image"
	mkdir -p "$work/work" "$work/temp" "$work/image"
	cp -a "$tree" "$work/work/linux-$release"
	phase pre_src_install
	cp -a "$work"/work/linux* "$work/image/"
	# EAPI 8.
	find "$work/image" -type d -empty -delete
}

merge() { # [reinstall]
	phase pre_pkg_preinst || return 1
	cp -a "$work"/image/linux* /usr/src/
	if [[ ${1-} == reinstall ]]; then REPLACED_BY_VERSION=6.1.99 phase pre_pkg_prerm post_pkg_postrm; fi
	phase post_pkg_postinst
}

unmerge() {
	phase pre_pkg_prerm
	find /usr/src -maxdepth 1 -type f -name "linux-$release.sqfs*" -delete
	phase post_pkg_postrm
}

say() { echo "== $*"; }

say built
build
find "$work/image" -mindepth 1 -printf '%P %y\n' | sort
say merged
merge
mountpoint -q "/usr/src/linux-$release" && echo mounted
readlink /usr/src/linux
grep -c . "/usr/src/build-$release/.config"
say reinstalled
echo "# mine" >>"/usr/src/build-$release/.config"
echo object >"/usr/src/build-$release/built.o"
echo "cmd_built.o := cc" >"/usr/src/build-$release/.built.o.cmd"
build >/dev/null
merge reinstall
mountpoint -q "/usr/src/linux-$release" && echo mounted
tail -n 1 "/usr/src/build-$release/.config"
cat "/usr/src/build-$release/built.o"
say busy
sleep 1000 <"/usr/src/linux-$release/Makefile" &
holder=$!
if merge reinstall; then echo "not refused"; fi
mountpoint -q "/usr/src/linux-$release" && echo mounted
say unmerged busy
unmerge
kill "$holder"
wait "$holder" 2>/dev/null || true
if mountpoint -q "/usr/src/linux-$release"; then echo "still mounted"; fi
ls -A /usr/src
find /var/lib/ksquash/kept -name '*config*' -printf '%f\n'
