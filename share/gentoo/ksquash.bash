# ksquash: kernel sources become one proved squashfs image. Functions only: Portage sources this in every phase.
# Each phase runs what the user had defined for it first, then ours. Nothing here depends on a later ksquash.

# The hook's interface. `ksquash portage status` looks for it in the environments that Portage saved.
__ksquash_hook() { echo 1; }

# einfo for plain lines, ewarn for what went wrong. The status is ksquash's own; 127 where there is none.
__ksquash() {
	local tool line outside
	tool=$(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin type -P ksquash) || return 127
	local -a inside=()
	if [[ ${EBUILD_PHASE} != install ]] && outside=$(__ksquash_outside); then
		# Its root, too: a system that is being installed is a chroot.
		inside=(nsenter --mount="/proc/${outside}/ns/mnt" --root="/proc/${outside}/root" --)
	fi
	NO_COLOR=1 "${inside[@]}" "${tool}" "$@" 2>&1 </dev/null | while IFS= read -r line; do
		case ${line} in
			ksquash:* | "  → "* | warning:* | "✗ "*) ewarn "${line}" ;;
			?*) einfo "${line}" ;;
		esac
	done
	return "${PIPESTATUS[0]}"
}

# FEATURES=mount-sandbox: what is mounted in a namespace of this phase's own would be gone with it. Prints the process
# above this one that has Portage's; the status is 1 where this phase has it itself.
__ksquash_outside() {
	local own theirs pid=${PPID}
	[[ " ${FEATURES} ${PORTAGE_FEATURES} " == *" mount-sandbox "* ]] && type -P nsenter >/dev/null || return 1
	own=$(readlink /proc/self/ns/mnt) || return 1
	while [[ ${pid} -gt 1 ]]; do
		theirs=$(readlink "/proc/${pid}/ns/mnt") || return 1
		[[ ${own} == "${theirs}" ]] || break
		pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/${pid}/status")
	done
	[[ ${pid} -gt 1 ]] && echo "${pid}"
}

# A setting of /etc/ksquash/config.toml; nothing where there is no ksquash.
__ksquash_setting() {
	local tool
	tool=$(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin type -P ksquash) || return 0
	"${tool}" portage setting "$1" 2>/dev/null </dev/null
}

# linux-info gives KV_FULL of the selected release to every package that inherits it, and kernel-2 has ETYPE=headers, too:
# the sources of KV_FULL must be seen in what this package builds, installs or owns. A phase's name is the argument.
__ksquash_is_ours() {
	[[ ${ETYPE} == sources && -n ${KV_FULL} ]] || return 1
	case $1 in
		pre_src_install) [[ -d ${WORKDIR}/linux-${KV_FULL} ]] ;;
		post_src_install | pre_pkg_preinst) [[ -f ${ED%/}/usr/src/linux-${KV_FULL}.sqfs ]] ;;
		# A plain tree that was packed where it stood: emerge fails at the files below its mount.
		pre_pkg_prerm) __ksquash_owns "linux-${KV_FULL}.sqfs" || __ksquash_owns "linux-${KV_FULL}/Makefile" ;;
		post_pkg_postinst | pre_pkg_postrm | post_pkg_postrm) __ksquash_owns "linux-${KV_FULL}.sqfs" ;;
		*) return 1 ;;
	esac
}

# Portage has the entry in its place before postinst, and until after postrm; at a reinstall the rm phases see the old one.
__ksquash_owns() {
	grep -qsF "obj ${EPREFIX}/usr/src/$1 " "$(__ksquash_root)/var/db/pkg/${CATEGORY}/${PF}/CONTENTS"
}

# "" for the running system; EAPI 6 says "/", from 7 on there is no slash at the end.
__ksquash_root() { local root=${EROOT-${ROOT}}; echo "${root%/}"; }

# The same version comes again: what belongs to both stays.
__ksquash_is_reinstall() { [[ -n ${REPLACED_BY_VERSION} && ${REPLACED_BY_VERSION} == "${PVR}" ]]; }

# Pack, prove in user space (a loop device is a sandbox violation), and let the tree go.
__ksquash_pre_src_install() {
	local tree="${WORKDIR}/linux-${KV_FULL}" stage="${T}/ksquash" preset file
	[[ -d ${tree} && -n $(ls -A "${tree}") ]] || return 0
	# As kernel-2 has them in the end.
	chmod -R a+r-w+X,u+w "${tree}" || return 0
	rm -rf "${stage}"
	mkdir -p "${stage}/usr/src" || return 0
	preset=$(__ksquash_setting preset)
	local -a options=(--root "${stage}" --user-space --release "${KV_FULL}" --preset "${preset:-balanced}")
	# Only the running system's kernel can be asked what it mounts.
	[[ -z $(__ksquash_root) ]] && options+=(--for-this-kernel)
	if ! __ksquash pack "${tree}" "${options[@]}"; then
		__ksquash_no_image
		return 0
	fi
	for file in "linux-${KV_FULL}.sqfs.list.gz" "linux-${KV_FULL}.sqfs.json" "linux-${KV_FULL}.sqfs"; do
		mv "${stage}/usr/src/${file}" "${WORKDIR}/" && continue
		rm -f "${WORKDIR}/linux-${KV_FULL}.sqfs"{,.json,.list.gz}
		__ksquash_no_image
		return 0
	done
	find "${tree}" -mindepth 1 -delete || die "ksquash: ${tree} could not be emptied"
}

__ksquash_no_image() {
	rm -rf "${T}/ksquash"
	[[ $(__ksquash_setting portage_on_failure) == fail ]] && die "ksquash made no image of linux-${KV_FULL}"
	ewarn "ksquash made no image: linux-${KV_FULL} is installed as a plain tree."
}

# kernel-2 may have put something (patches.txt) where the mount point will be.
__ksquash_post_src_install() {
	local place="${ED%/}/usr/src/linux-${KV_FULL}"
	[[ -f ${place}.sqfs && -d ${place} && -n $(ls -A "${place}") ]] || return 0
	mv "${place}" "${place}.added" && einfo "what was added to the sources is in /usr/src/linux-${KV_FULL}.added"
}

# The only phase that can still refuse: nothing was copied yet.
__ksquash_pre_pkg_preinst() {
	[[ -z $(__ksquash_root) && -d /usr/src/linux-${KV_FULL} ]] || return 0
	__ksquash umount "${KV_FULL}"
	case $? in
		0 | 66) return 0 ;;
	esac
	die "ksquash: linux-${KV_FULL} cannot be unmounted; the lines above name who uses it"
}

__ksquash_post_pkg_postinst() {
	local root place
	root=$(__ksquash_root)
	place="${root}/usr/src/linux-${KV_FULL}"
	[[ -f ${place}.sqfs ]] || return 0
	if [[ -n ${root} ]]; then
		mkdir -p "${place}" "${root}/usr/src/build-${KV_FULL}"
		einfo "${place} is mounted when that system runs: ksquash boot enable"
		return 0
	fi
	# By the kernel, for every user: a process of root's that serves it (FUSE) would be root's alone.
	if ! __ksquash mount --fuse never "${KV_FULL}"; then
		ewarn "linux-${KV_FULL} is not mounted. When what is wrong is mended:"
		ewarn "  ksquash mount ${KV_FULL} && ksquash configure ${KV_FULL}"
		return 0
	fi
	if ! __ksquash_is_configured && ! __ksquash configure "${KV_FULL}"; then
		ewarn "linux-${KV_FULL} is mounted, but not configured: ksquash configure ${KV_FULL}"
		return 0
	fi
	__ksquash_wants_link && __ksquash select "${KV_FULL}"
	return 0
}

# A reinstall finds the config as its owner left it. Kbuild's Makefile comes last: without it the configure was broken off.
__ksquash_is_configured() { [[ -s /usr/src/build-${KV_FULL}/.config && -e /usr/src/build-${KV_FULL}/Makefile ]]; }

__ksquash_wants_link() {
	case $(__ksquash_setting portage_symlink) in
		always) return 0 ;;
		never) return 1 ;;
	esac
	[[ " ${IUSE} " == *[\ +-]symlink\ * ]] && use symlink
}

# Here nothing can be refused any more: a busy mount is detached, or it would live on without its image.
__ksquash_pre_pkg_prerm() {
	__ksquash_is_reinstall && return 0
	[[ -z $(__ksquash_root) && -d /usr/src/linux-${KV_FULL} ]] || return 0
	if ! __ksquash umount "${KV_FULL}"; then
		ewarn "linux-${KV_FULL} is detached now, and gone when its last user ends."
		__ksquash umount --lazy --force "${KV_FULL}"
	fi
	[[ ! -f /usr/src/linux-${KV_FULL}.sqfs ]] || __ksquash_owns "linux-${KV_FULL}.sqfs" && return 0
	ewarn "/usr/src/linux-${KV_FULL}.sqfs is not of this package, and stays. To use it again, or to remove it:"
	ewarn "  ksquash mount ${KV_FULL}"
	ewarn "  ksquash remove ${KV_FULL}"
	return 0
}

# Before kernel-2 says what remains behind.
__ksquash_pre_pkg_postrm() {
	__ksquash_is_reinstall && return 0
	rmdir "$(__ksquash_root)/usr/src/linux-${KV_FULL}" 2>/dev/null
	return 0
}

# The image is gone: what is left of the release is the build directory. Its .config is saved first.
__ksquash_post_pkg_postrm() {
	local root
	__ksquash_is_reinstall && return 0
	root=$(__ksquash_root)
	rmdir "${root}/usr/src/build-${KV_FULL}" 2>/dev/null && return 0
	[[ -e ${root}/usr/src/build-${KV_FULL} || -L ${root}/usr/src/build-${KV_FULL} ]] || return 0
	[[ $(__ksquash_setting portage_build_directory) == keep ]] && return 0
	__ksquash remove "${KV_FULL}" ${root:+--root "${root}"}
	return 0
}

__ksquash_phase() {
	declare -F "__ksquash_was_$1" >/dev/null && "__ksquash_was_$1"
	__ksquash_is_ours "$1" || return 0
	if ! PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin type -P ksquash >/dev/null; then
		# Without the program a mount can still be taken away, and a plain tree installed.
		case $1 in
			pre_src_install) ewarn "ksquash is not installed: linux-${KV_FULL} is installed as a plain tree." ;;
			pre_pkg_preinst) umount "$(__ksquash_root)/usr/src/linux-${KV_FULL}" 2>/dev/null ;;
			pre_pkg_prerm)
				__ksquash_is_reinstall || umount --lazy "$(__ksquash_root)/usr/src/linux-${KV_FULL}" 2>/dev/null
				;;
			pre_pkg_postrm) __ksquash_pre_pkg_postrm ;;
			post_pkg_postinst)
				[[ -f $(__ksquash_root)/usr/src/linux-${KV_FULL}.sqfs ]] &&
					ewarn "ksquash is not installed: $(__ksquash_root)/usr/src/linux-${KV_FULL}.sqfs is not mounted."
				;;
		esac
		return 0
	fi
	"__ksquash_$1"
}

# What was defined before goes first; but never ours again (a saved environment has it), and never a function of the
# script that packed and deleted by itself.
__ksquash_chain() {
	local body
	declare -F "$1" >/dev/null || return 0
	body=$(declare -f "$1")
	# shellcheck disable=SC2016 # these are looked for as they stand
	case ${body} in
		*__ksquash_phase* | *mksquashfs* | *.sqfs* | *'linux-${KV_FULL}'* | *'build-${KV_FULL}'*) return 0 ;;
	esac
	eval "__ksquash_was_$1() ${body#*$'\n'}"
}

__ksquash_chain pre_src_install
__ksquash_chain post_src_install
__ksquash_chain pre_pkg_preinst
__ksquash_chain post_pkg_postinst
__ksquash_chain pre_pkg_prerm
__ksquash_chain pre_pkg_postrm
__ksquash_chain post_pkg_postrm

pre_src_install() { __ksquash_phase pre_src_install; }
post_src_install() { __ksquash_phase post_src_install; }
pre_pkg_preinst() { __ksquash_phase pre_pkg_preinst; }
post_pkg_postinst() { __ksquash_phase post_pkg_postinst; }
pre_pkg_prerm() { __ksquash_phase pre_pkg_prerm; }
pre_pkg_postrm() { __ksquash_phase pre_pkg_postrm; }
post_pkg_postrm() { __ksquash_phase post_pkg_postrm; }
