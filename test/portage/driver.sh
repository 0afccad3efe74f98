# Runs the phases of a kernel package as Portage 3.0.82 does, as far as a hook can tell: order, variables, directories,
# namespaces, the environment that is saved with a package, and what is sourced. Sourced by scenarios.sh; recorded/
# holds what the real one did (real.sh), and the test compares the two.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016 # variables of Portage's, used by what is sourced

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

# The image in $D, merged over what an older installation of the same slot left. The entry of the new package has another
# name until the old one is gone, and its own before postinst.
merge_image() { # VERSION
	local mask merging="${ROOT%/}$packages/-MERGING-$package-$1"
	for mask in $INSTALL_MASK; do
		# shellcheck disable=SC2086 # the masks are patterns
		rm -rf "$base/image"$mask
	done
	rm -rf "$merging"
	mkdir -p "$merging"
	phase pkg_preinst preinst || return 1
	merge_files "$merging/CONTENTS" || return 1
	replace_old "$1" "$merging/CONTENTS"
	bzip2 -c "$base/temp/environment" >"$merging/environment.bz2"
	mv -T "$merging" "$saved"
	phase pkg_postinst postinst
}

# Each file leaves the image, whole or not at all (_movefile writes NAME#new where it cannot rename); one that is there
# with the same mode and bytes is not touched, and stays in the image. A link to a directory stays a link.
merge_files() { # CONTENTS
	local path from to line
	local -a paths
	mapfile -t paths < <(find "$base/image" -mindepth 1 -printf '%P\n')
	for path in "${paths[@]}"; do
		from="$base/image/$path" to="${ROOT%/}/$path"
		if [[ -d $from && ! -L $from ]]; then
			line="dir /$path"
			mkdir -p "$to" || return 1
		else
			line="obj /$path $(md5sum <"$from" | cut -d ' ' -f 1)"
			[[ ! -L $from ]] || line="sym /$path -> $(readlink "$from")"
			line+=" $(stat -c %Y "$from")"
			is_same "$from" "$to" || move_file "$from" "$to" || return 1
		fi
		echo "$line" >>"$1"
	done
}
is_same() { [[ ! -L $1 && -f $2 && ! -L $2 && $(stat -c %a "$1") == "$(stat -c %a "$2")" ]] && cmp -s "$1" "$2"; }
move_file() {
	cp -a "$1" "$2#new" && mv -T "$2#new" "$2" && rm "$1" && return
	rm -f "$2#new"
	return 1
}

# What a package owns, the deepest first.
owned() { sed 's/^dir //; s/^sym \(.*\) -> .*/\1/; s/^obj \(.*\) [^ ]* [^ ]*$/\1/' "$1" | sort -r; }

# Binary packages: the image and the environment travel together.
keep_package() { mkdir -p "$PKGDIR" && tar -C "$base" -cf "$PKGDIR/$1.tar" image temp/environment; }
build_binary() { make_image "$1" && keep_package "$1"; }
quick_package() {
	prepare "$1"
	rm -rf "$base"
	mkdir -p "$base"/{temp,image}
	bzip2 -dc "$saved/environment.bz2" >"$base/temp/environment"
	owned "$saved/CONTENTS" | sed 's,^/,,' | tar -C / --no-recursion -c -T - | tar -C "$base/image" -x
	keep_package "$1"
}
install_binary() {
	prepare "$1"
	rm -rf "$base"
	mkdir -p "$base"/empty
	tar -C "$base" -xf "$PKGDIR/$1.tar"
	merge_image "$1"
}

# What was in the same slot goes: of sources, whose SLOT is the version, only the very same one.
replace_old() { # VERSION CONTENTS
	local entry
	for entry in "${ROOT%/}$packages/$package"-*; do
		if [[ $entry == "$saved" && -d $entry ]]; then
			mv "$base/temp/environment" "$base/new-environment"
			REPLACED_BY_VERSION=$1 unmerge_files "$2"
			mv "$base/new-environment" "$base/temp/environment"
		elif [[ $package != gentoo-sources && -d $entry ]]; then
			(REPLACED_BY_VERSION=$1 remove_package "${entry##*/"$package"-}" "$2")
		fi
	done
}

# The phases of a removal, run with what was saved of the package. Its entry goes last.
unmerge_files() { # [CONTENTS of what takes its place]
	local path kept
	kept=$([[ -z $1 ]] || owned "$1")
	bzip2 -dc "$saved/environment.bz2" >"$base/temp/environment"
	phase pkg_prerm prerm
	owned "$saved/CONTENTS" | while IFS= read -r path; do
		grep -qxF -- "$path" <<<"$kept" || remove_owned "${ROOT%/}$path"
	done
	phase pkg_postrm postrm
	rm -rf "$saved"
}

remove_package() { # VERSION [CONTENTS of what takes its place]
	prepare "$1"
	rm -rf "$base"
	mkdir -p "$base"/{temp,image,empty}
	unmerge_files "$2"
}

remove_owned() {
	if [[ -d $1 && ! -L $1 ]]; then rmdir "$1" 2>/dev/null; else rm -f "$1"; fi
}

prepare() {
	package=${PACKAGE:-gentoo-sources} PVR=$1
	base="$build/$package-$PVR" hook=/etc/portage/env/sys-kernel/$package
	EAPI=${EAPI:-8} ROOT=${ROOT:-/}
	# PMS 11.1: from EAPI 7 on these have no slash at the end.
	if [[ $EAPI -ge 7 ]]; then
		D="$base/image" ROOT=${ROOT%/}
	else
		D="$base/image/" ROOT="${ROOT%/}/"
	fi
	saved="${ROOT%/}$packages/$package-$PVR"
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
export EAPI ROOT D base hook here package PVR
