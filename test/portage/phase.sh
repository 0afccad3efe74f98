# One phase of one package: the variables and functions that an ebuild has, then what was saved, then what the
# administrator added, then the phase with its two hooks.
# shellcheck shell=bash disable=SC2034,SC2154,SC1090

einfo() { echo " * $*"; }
ewarn() { echo " W $*"; }
eerror() { echo " E $*"; }
elog() { echo " * $*"; }
die() {
	echo " E $*"
	exit 1
}
use() { [[ " $USE " == *" $1 "* ]]; }

# A package as kernel-2 makes them.
src_unpack() {
	cp -a "$KERNEL" "$S"
	sed -i "s/^SUBLEVEL.*/SUBLEVEL = ${PV##*.}/; s/^EXTRAVERSION.*/EXTRAVERSION = -${KV_FULL#*-}/" "$S/Makefile"
}
src_install() {
	mkdir -p "${ED%/}/usr/src"
	[[ -z "$ADDED" ]] || echo "patches" >"$S/patches.txt"
	cp -a "$WORKDIR"/linux* "${ED%/}/usr/src/" || die "the sources could not be copied"
}
pkg_postinst() {
	if use symlink; then ln -snf "linux-$KV_FULL" "${EROOT%/}/usr/src/linux"; fi
}

run_phase() {
	CATEGORY=sys-kernel PN=$package
	PV=${PVR%-r*} PR=r0
	[[ $PVR == *-r* ]] && PR=r${PVR##*-r}
	P=$PN-$PV PF=$PN-$PVR SLOT=$PVR ETYPE=sources IUSE="build symlink"
	KV_FULL=$PV-gentoo
	[[ $PR == r0 ]] || KV_FULL+=-$PR
	EBUILD_PHASE=$2 PORTAGE_BUILDDIR=$base WORKDIR=$base/work T=$base/temp S=$base/work/linux-$KV_FULL
	ED=$D EROOT=$ROOT
	if [[ $PN != gentoo-sources ]]; then
		unset KV_FULL
		source "$here/fixtures/linux-info-package.bash"
	fi
	[[ ! -f $T/environment ]] || source "$T/environment"
	[[ ! -f /etc/portage/bashrc ]] || source /etc/portage/bashrc
	# A syntax error means no hooks, and no failure.
	[[ ! -f $hook ]] || source "$hook" 2>/dev/null
	case $2 in
		unpack) cd "$WORKDIR" || exit 1 ;;
		install) cd "$PORTAGE_BUILDDIR" || exit 1 ;;
		*) cd "$PORTAGE_BUILDDIR/empty" || exit 1 ;;
	esac
	! declare -F "pre_$1" >/dev/null || "pre_$1"
	[[ $2 != install ]] || cd "$S" 2>/dev/null || cd "$WORKDIR" || exit 1
	! declare -F "$1" >/dev/null || "$1"
	! declare -F "post_$1" >/dev/null || "post_$1"
	if [[ $2 != *rm ]]; then
		declare -f | sed '/^\(run_phase\|einfo\|ewarn\|eerror\|elog\|die\|use\) ()/,/^}/d' >"$T/environment"
		echo "KV_FULL=$KV_FULL" >>"$T/environment"
	fi
	exit 0
}
