# Kernel sources as one mounted image: the hooks by which Portage calls ksquash. "ksquash portage install" puts this block
# here and "ksquash portage uninstall" takes it away; functions of your own in this file keep running.
#
# Portage sources this in every phase, after the functions that it saved when the package was merged: nothing here prints
# or sets a global variable. The value that a hook returns is ignored, and only pre_pkg_preinst can stop a merge.

# Is a function (its text in $1) to be left alone? Ours would call itself without end; what the script that ksquash
# replaces did, or one like it, would pack before us and remove the build directory behind us.
__ksquash_unchained() {
	[[ $1 == *__ksquash_* ]] && return 0
	[[ $1 == *KV_FULL* && $1 =~ mksquashfs|umount|/mount-|/build-|\.sqfs ]]
}

# Keeps what another file, or this one above, defined under the name of a hook.
__ksquash_keep() {
	local name text
	for name in pre_src_install pre_pkg_preinst post_pkg_postinst pre_pkg_prerm post_pkg_postrm; do
		text=$(declare -f "${name}") || continue
		__ksquash_unchained "${text}" || eval "__ksquash_user_${text}"
	done
}
__ksquash_keep

__ksquash_user() {
	if declare -F "__ksquash_user_$1" >/dev/null; then "__ksquash_user_$1"; fi
}

# Only ebuilds that install kernel sources: not headers, no kernel that is built by its ebuild.
__ksquash_applies() {
	[[ ${ETYPE-} == sources && -n ${KV_FULL-} ]]
}

# Is this phase a part of a reinstall? Then the new package has what the old one would take away.
__ksquash_replaced_by_same() {
	[[ -n ${REPLACED_BY_VERSION-} && ${REPLACED_BY_VERSION} == "${PVR-}" ]]
}

# Runs a command where emerge itself is: FEATURES=mount-sandbox gives each phase mounts of its own, which end with it.
__ksquash_outside() {
	local own outer
	own=$(readlink /proc/self/ns/mnt)
	outer=$(readlink "/proc/${PPID}/ns/mnt")
	if [[ -n ${outer} && ${own} != "${outer}" ]]; then
		nsenter --mount="/proc/${PPID}/ns/mnt" -- "$@"
	else
		"$@"
	fi
}

# ksquash with the target's root (EROOT has a slash at its end up to EAPI 6, none from EAPI 7 on) and plain lines.
__ksquash_run() {
	local root=${EROOT-}
	# Through a pipe: emerge may give a phase a terminal, whose log a progress bar spoils.
	__ksquash_outside ksquash "$@" --root "${root%/}/" 2>&1 | cat
	return "${PIPESTATUS[0]}"
}

__ksquash_there() {
	type -P ksquash >/dev/null && return 0
	ewarn "ksquash is not there: $1"
	return 1
}

# How the settings decide, or $2 where they cannot be read.
__ksquash_setting() {
	local value
	value=$(__ksquash_outside ksquash portage setting "$1" 2>/dev/null) && [[ -n ${value} ]] || value=$2
	printf '%s\n' "${value}"
}

# The image is written and proved below T: kernel-2 installs whatever is called WORKDIR/linux*.
pre_src_install() {
	__ksquash_user pre_src_install
	__ksquash_applies || return 0
	local tree="${WORKDIR}/linux-${KV_FULL}" scratch="${T}/ksquash" file
	# A second "ebuild install" finds the tree empty, and the image beside it.
	[[ -d ${tree} && -n $(find "${tree}" -mindepth 1 -print -quit) ]] || return 0
	__ksquash_there "the sources are installed as plain files" || return 0
	rm -rf "${scratch}" "${tree}".sqfs*
	mkdir -p "${scratch}/usr/src" "${scratch}/etc/ksquash" || return 0
	[[ ! -f /etc/ksquash/config.toml ]] || cp /etc/ksquash/config.toml "${scratch}/etc/ksquash/"
	# As kernel-2 leaves them when it installs the files themselves.
	chmod -R a+r-w+X,u+w "${tree}"
	# Locks of ksquash; the sandbox knows this directory as no place to write to.
	if declare -F addwrite >/dev/null; then addwrite /run/ksquash; fi
	einfo "Packing linux-${KV_FULL}"
	# No loop device may be opened in the sandbox: the image is read back instead.
	if ! ksquash pack "${tree}" --release "${KV_FULL}" --keep-source --unmounted --root "${scratch}" 2>&1; then
		rm -rf "${scratch}"
		[[ $(__ksquash_setting portage_on_failure plain) != fail ]] || die "ksquash made no image of linux-${KV_FULL}"
		ewarn "linux-${KV_FULL} got no image: it is installed as plain files"
		return 0
	fi
	for file in "${scratch}/usr/src/linux-${KV_FULL}".sqfs*; do
		mv "${file}" "${WORKDIR}/" || die "the image does not fit into ${WORKDIR}"
	done
	# Now that the proved image is beside it; kernel-2 enters the directory, and Portage leaves it out where it is empty.
	find "${tree}" -mindepth 1 -delete || die "${tree} could not be emptied"
	rm -rf "${scratch}"
}

# A mount in the way is the last thing that can stop the merge before anything is copied.
pre_pkg_preinst() {
	__ksquash_user pre_pkg_preinst
	__ksquash_applies || return 0
	local at="${EROOT-}"
	at="${at%/}/usr/src/linux-${KV_FULL}"
	__ksquash_outside mountpoint -q "${at}" || return 0
	if type -P ksquash >/dev/null; then
		__ksquash_run umount "${KV_FULL}"
	else
		__ksquash_outside umount "${at}" 2>&1
	fi || die "${at} is mounted and in use: end what is named above, or unmount it, and merge again"
}

post_pkg_postinst() {
	__ksquash_user post_pkg_postinst
	__ksquash_applies || return 0
	local src="${EROOT-}"
	src="${src%/}/usr/src"
	# A package that was built without the hook has no image.
	[[ -f ${src}/linux-${KV_FULL}.sqfs ]] || return 0
	# EAPI 8 strips empty directories from a package.
	mkdir -p "${src}/linux-${KV_FULL}" "${src}/build-${KV_FULL}"
	if [[ ${src} != /usr/src ]]; then
		elog "linux-${KV_FULL}.sqfs is below ${src}: it is mounted where that is the system's own /usr/src"
		return 0
	fi
	__ksquash_there "linux-${KV_FULL}.sqfs stays unmounted; afterwards: ksquash mount ${KV_FULL}" || return 0
	if ! __ksquash_run mount "${KV_FULL}"; then
		ewarn "linux-${KV_FULL} is not mounted; ksquash doctor says what is missing"
		return 0
	fi
	# A reinstall finds the config as its owner left it.
	[[ -f ${src}/build-${KV_FULL}/.config ]] || __ksquash_run configure "${KV_FULL}" ||
		ewarn "build-${KV_FULL} has no config yet; once that is mended: ksquash configure ${KV_FULL}"
	if [[ " ${USE-} " == *" symlink "* && $(__ksquash_setting portage_symlink true) == true ]]; then
		__ksquash_run select "${KV_FULL}" || ewarn "/usr/src/linux does not lead to build-${KV_FULL}"
	fi
	elog "Build in ${src}/build-${KV_FULL}"
}

# The files go whatever happens here: a busy mount is detached, or it would outlive its image.
pre_pkg_prerm() {
	__ksquash_user pre_pkg_prerm
	__ksquash_applies || return 0
	__ksquash_replaced_by_same && return 0
	local at="${EROOT-}"
	at="${at%/}/usr/src/linux-${KV_FULL}"
	__ksquash_outside mountpoint -q "${at}" || return 0
	if type -P ksquash >/dev/null && __ksquash_run umount "${KV_FULL}"; then return 0; fi
	__ksquash_outside umount "${at}" 2>/dev/null && return 0
	ewarn "${at} is in use: it is detached, and lives on unseen until its last user ends"
	__ksquash_outside umount -l "${at}" 2>&1 || eerror "${at} stays mounted"
}

post_pkg_postrm() {
	__ksquash_user post_pkg_postrm
	__ksquash_applies || return 0
	__ksquash_replaced_by_same && return 0
	local src="${EROOT-}"
	src="${src%/}/usr/src"
	[[ ! -e ${src}/linux-${KV_FULL}.sqfs ]] || return 0
	# Before kernel-2 says that it remains behind; plain files, or a mount, keep it.
	rmdir "${src}/linux-${KV_FULL}" 2>/dev/null
	[[ -d ${src}/build-${KV_FULL} ]] || return 0
	# One that was never configured.
	rmdir "${src}/build-${KV_FULL}" 2>/dev/null && return 0
	[[ $(__ksquash_setting portage_build_directory remove) == remove ]] || return 0
	__ksquash_there "${src}/build-${KV_FULL} stays" || return 0
	__ksquash_run remove "${KV_FULL}" || ewarn "${src}/build-${KV_FULL} stays"
}
