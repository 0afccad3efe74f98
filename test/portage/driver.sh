# Runs the phases of a kernel package as Portage 3.0.82 does, as far as a hook can tell: order, variables, directories,
# namespaces, the environment that is saved with a package, and what is sourced. Sourced by scenarios.sh; recorded/
# holds what the real one did (real.sh), and the test compares the two.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016 # variables of Portage's, used by what is sourced

hook=/etc/portage/env/sys-kernel/gentoo-sources
packages=/var/db/pkg/sys-kernel
build=/var/tmp/portage/sys-kernel

# install VERSION: the image in $D, merged over what an older installation of the same slot left.
install_package() {
	local PVR=$1 T D
	prepare "$PVR"
	rm -rf "$base"
	mkdir -p "$base"/{work,temp,image,empty}
	phase src_unpack unpack && phase src_install install || return 1
	[[ $EAPI -ge 8 ]] && find "$base/image" -mindepth 1 -type d -empty -delete
	phase pkg_preinst preinst || return 1
	cp -a "$base/image/." "${ROOT%/}/"
	replace_old "$PVR"
	mkdir -p "${ROOT%/}$packages/gentoo-sources-$PVR"
	(cd "$base/image" && find . ! -name . | sort -r) >"${ROOT%/}$packages/gentoo-sources-$PVR/CONTENTS"
	bzip2 -c "$base/temp/environment" >"${ROOT%/}$packages/gentoo-sources-$PVR/environment.bz2"
	phase pkg_postinst postinst
}

# SLOT is the version: only the very same version is replaced. Its phases run with what was saved of it.
replace_old() {
	local saved="${ROOT%/}$packages/gentoo-sources-$1" path
	[[ -d $saved ]] || return 0
	cp "$base/temp/environment" "$base/new-environment"
	bzip2 -dc "$saved/environment.bz2" >"$base/temp/environment"
	REPLACED_BY_VERSION=$1 phase pkg_prerm prerm
	while read -r path; do
		[[ -e $base/image/$path || -L $base/image/$path ]] || remove_owned "${ROOT%/}/$path"
	done <"$saved/CONTENTS"
	REPLACED_BY_VERSION=$1 phase pkg_postrm postrm
	mv "$base/new-environment" "$base/temp/environment"
}

# unmerge VERSION
remove_package() {
	local PVR=$1 saved path
	prepare "$PVR"
	saved="${ROOT%/}$packages/gentoo-sources-$PVR"
	rm -rf "$base"
	mkdir -p "$base"/{temp,image,empty}
	bzip2 -dc "$saved/environment.bz2" >"$base/temp/environment"
	phase pkg_prerm prerm
	while read -r path; do remove_owned "${ROOT%/}/$path"; done <"$saved/CONTENTS"
	phase pkg_postrm postrm
	rm -rf "$saved"
}

remove_owned() {
	if [[ -d $1 && ! -L $1 ]]; then rmdir "$1" 2>/dev/null; else rm -f "$1"; fi
}

prepare() {
	base="$build/gentoo-sources-$1"
	EAPI=${EAPI:-8} ROOT=${ROOT:-/}
	# PMS 11.1: from EAPI 7 on these have no slash at the end.
	if [[ $EAPI -ge 7 ]]; then
		D="$base/image" ROOT=${ROOT%/}
	else
		D="$base/image/" ROOT="${ROOT%/}/"
	fi
}

# phase FUNCTION NAME: a process of its own, with its own mount namespace where Portage makes one.
phase() {
	local -a inside=(env)
	case $2 in
		unpack | install) inside=(unshare --mount --pid --net --ipc --fork --propagation slave --mount-proc) ;;
		*) case " $FEATURES " in *" mount-sandbox "*) inside=(unshare --mount --propagation private) ;; esac ;;
	esac
	# Gentoo's sandbox fails the phase that opens a loop device.
	local trace="$base/temp/opened"
	# shellcheck disable=SC2054 # the commas are strace's
	[[ $2 == install ]] && inside+=(strace -f -qq -o "$trace" -e trace=open,openat,openat2 -e signal=none)
	"${inside[@]}" env -u ARCH ARCH=amd64 CFLAGS=-O2 MAKEOPTS=-j2 bash -c '
		source "$1"
		run_phase "$2" "$3"
	' bash "$here/phase.sh" "$1" "$2" </dev/null || return 1
	if [[ $2 == install ]] && grep -q '"/dev/loop' "$trace"; then
		echo "sandbox: a loop device was opened" >&2
		return 1
	fi
}
export EAPI ROOT D base hook here
