#!/bin/bash
# The same scenarios with the real Portage: real.sh PORTAGE [SCENARIO…], PORTAGE being a checkout of gentoo/portage, which
# runs from where it is. Everything that it writes goes to an overlay over /, which goes with the command. As root.
# KSQUASH_SANDBOX names a directory into which gentoo/sandbox was installed (make install DESTDIR=…): with it the phases
# run at Portage's own default FEATURES.
# shellcheck disable=SC2034,SC2154
if [[ -z $KSQUASH_REAL_INSIDE ]]; then
	set -e
	here=$(dirname "$(readlink -f "$0")")
	portage=$(readlink -f "$1")
	shift
	over=$(mktemp -d /var/tmp/ksquash-portage.XXXXXX)
	trap 'rm -rf "$over"' EXIT
	KSQUASH_REAL_INSIDE=$portage SCENARIOS=$* unshare --mount --propagation private bash -ec '
		over=$1 here=$2
		mount -t tmpfs none "$over"
		mkdir "$over"/{upper,work,root}
		mount -t overlay none -o "lowerdir=/,upperdir=$over/upper,workdir=$over/work" "$over/root"
		[ -z "$KSQUASH_SANDBOX" ] || cp -a "$KSQUASH_SANDBOX/." "$over/root/"
		for d in proc sys dev; do mount --rbind /$d "$over/root/$d"; done
		mount -t tmpfs none "$over/root/tmp"
		mkdir -p "$over/root$KSQUASH_REAL_INSIDE" "$over/root$here"
		exec chroot "$over/root" sh "$here/system.sh" "$here/../../dist/cli/ksquash.cjs" bash "$here/scenarios.sh" "$here/real.sh"
	' sh "$over" "$here"
	exit
fi

export KERNEL
portage=$KSQUASH_REAL_INSIDE
repository=/var/db/repos/local

ebuild() { # VERSION
	package=${PACKAGE:-gentoo-sources}
	local directory=$repository/sys-kernel/$package
	mkdir -p "$directory"
	{
		cat <<-X
			EAPI=${EAPI:-8}
			DESCRIPTION="A package for a test"
			HOMEPAGE="https://example.org"
			LICENSE="GPL-2"
			SLOT="\${PVR}"
			KEYWORDS="amd64"
			IUSE="symlink"
			RESTRICT="strip binchecks"
			src_compile() { :; }
		X
		if [[ $package == gentoo-sources ]]; then kernel_sources; else cat "$here/fixtures/linux-info-package.bash"; fi
	} >"$directory/$package-$1.ebuild"
}
kernel_sources() {
	cat <<-X
		ETYPE=sources
		KV_FULL="\${PV}-gentoo"
		[[ \${PR} != r0 ]] && KV_FULL+="-\${PR}"
		S="\${WORKDIR}/linux-\${KV_FULL}"
		$(sed -n '/^src_unpack()/,/^}/p; /^src_install()/,/^}/p; /^pkg_postinst()/,/^}/p' "$here/phase.sh" |
		sed -e "s|\$KERNEL|$KERNEL|" -e "s|\$ADDED|$ADDED|")
	X
}

portage_run() { # PROGRAM ARGUMENT…
	local root=${ROOT:-/} program=$1
	shift
	env -u ROOT -u SCENARIOS FEATURES="-news $FEATURES" USE="$USE" ROOT="$root" PATH="$portage/bin:$PATH" \
		python3 "$portage/bin/$program" "$@" </dev/null
}
emerge() { portage_run emerge --quiet-build=n --color=n --nodeps "$@"; }
install_package() {
	ebuild "$1"
	emerge --oneshot "=sys-kernel/$package-$1"
}
build_binary() {
	ebuild "$1"
	emerge --buildpkgonly "=sys-kernel/gentoo-sources-$1"
}
quick_package() { portage_run quickpkg --umask=0022 "=sys-kernel/gentoo-sources-$1"; }
install_binary() {
	# From the package alone.
	rm -f $repository/sys-kernel/gentoo-sources/gentoo-sources-"$1".ebuild
	emerge --usepkgonly --oneshot "=sys-kernel/gentoo-sources-$1"
}
install_twice() {
	local file=$repository/sys-kernel/gentoo-sources/gentoo-sources-$1.ebuild
	ebuild "$1"
	portage_run ebuild --skip-manifest "$file" clean install || return 1
	rm "/var/tmp/portage/sys-kernel/gentoo-sources-$1/.installed"
	portage_run ebuild --skip-manifest "$file" install qmerge
}
remove_package() { EMERGE_WARNING_DELAY=0 CLEAN_DELAY=0 emerge --unmerge "=sys-kernel/${PACKAGE:-gentoo-sources}-$1"; }

set_up() {
	local base=$repository/profiles/base
	mkdir -p $base $repository/metadata /etc/portage/repos.conf /var/db/pkg /var/tmp/portage /usr/share/portage
	cp -a "$portage/cnf" /usr/share/portage/config
	rm -f /usr/share/portage/config/repos.conf
	printf 'masters =\nthin-manifests = true\nprofile-formats = portage-2\n' >$repository/metadata/layout.conf
	echo local >$repository/profiles/repo_name
	echo amd64 >$repository/profiles/arch.list
	echo sys-kernel >$repository/profiles/categories
	echo "amd64 base stable" >$repository/profiles/profiles.desc
	echo 8 >$base/eapi
	printf 'ARCH="amd64"\nACCEPT_KEYWORDS="amd64"\nCHOST="x86_64-pc-linux-gnu"\nCFLAGS="-O2"\n' >$base/make.defaults
	printf '[DEFAULT]\nmain-repo = local\n[local]\nlocation = %s\n' $repository >/etc/portage/repos.conf/local.conf
	ln -sfn $base /etc/portage/make.profile
	getent group portage >/dev/null || groupadd -g 250 portage
	getent passwd portage >/dev/null || useradd -u 250 -g 250 -d /var/tmp/portage -s /bin/false portage 2>/dev/null
	chown portage:portage /var/tmp/portage
}
set_up
