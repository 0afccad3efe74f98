# Runs the phases of a kernel package as Portage 3.0.82 does, as far as a hook can tell: order, variables, directories,
# namespaces, the environment that is saved with a package, and what is sourced. Sourced by scenarios.sh; recorded/
# holds what the real one did (real.sh), and the test compares the two.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016 # variables of Portage's, used by what is sourced

hook=/etc/portage/env/sys-kernel/gentoo-sources
packages=/var/db/pkg/sys-kernel
build=/var/tmp/portage/sys-kernel

install_package() { make_image "$1" && merge_image "$1"; }

# The phases up to the image in $D. A second time: what the first left in the work directory is there.
make_image() { # VERSION [again]
	prepare "$1"
	if [[ $2 != again ]]; then
		rm -rf "$base"
		mkdir -p "$base"/{work,temp,empty}
		phase src_unpack unpack || return 1
	fi
	rm -rf "$base/image"
	mkdir "$base/image"
	phase src_install install || return 1
	[[ $EAPI -lt 8 ]] || find "$base/image" -mindepth 1 -type d -empty -delete
}
install_twice() { make_image "$1" && make_image "$1" again && merge_image "$1"; }

# The image in $D, merged over what an older installation of the same slot left.
merge_image() {
	local PVR=$1 mask saved="${ROOT%/}$packages/gentoo-sources-$1"
	for mask in $INSTALL_MASK; do
		# shellcheck disable=SC2086 # the masks are patterns
		rm -rf "$base/image"$mask
	done
	phase pkg_preinst preinst || return 1
	merge_files || return 1
	replace_old "$PVR"
	mkdir -p "$saved"
	(cd "$base/image" && find . ! -name . | sort -r) >"$saved/CONTENTS"
	bzip2 -c "$base/temp/environment" >"$saved/environment.bz2"
	phase pkg_postinst postinst
}

# A link to a directory stays; a file comes whole or not at all (_movefile writes NAME#new first).
merge_files() {
	local path
	find "$base/image" -mindepth 1 -printf '%P\n' | while IFS= read -r path; do
		local from="$base/image/$path" to="${ROOT%/}/$path"
		if [[ -d $from && ! -L $from ]]; then
			mkdir -p "$to" || exit 1
		elif ! { cp -a "$from" "$to#new" && mv -T "$to#new" "$to"; }; then
			rm -f "$to#new"
			exit 1
		fi
	done
}

# Binary packages: the image and the environment travel together.
keep_package() { mkdir -p "$PKGDIR" && tar -C "$base" -cf "$PKGDIR/$1.tar" image temp/environment; }
build_binary() { make_image "$1" && keep_package "$1"; }
quick_package() {
	local saved="${ROOT%/}$packages/gentoo-sources-$1"
	prepare "$1"
	rm -rf "$base"
	mkdir -p "$base"/{temp,image}
	bzip2 -dc "$saved/environment.bz2" >"$base/temp/environment"
	tar -C / --no-recursion -c -T "$saved/CONTENTS" | tar -C "$base/image" -x
	keep_package "$1"
}
install_binary() {
	prepare "$1"
	rm -rf "$base"
	mkdir -p "$base"/empty
	tar -C "$base" -xf "$PKGDIR/$1.tar"
	merge_image "$1"
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
		unpack | install)
			inside=(unshare --mount --net --ipc --propagation slave)
			[[ " $FEATURES " == *" -pid-sandbox "* ]] || inside+=(--pid --fork --mount-proc)
			;;
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
