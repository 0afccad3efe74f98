# Put above ksquash's block: as a user's own functions they run first, and write down what Portage gives each phase.
# shellcheck shell=bash disable=SC2154

__record() {
	local image=absent built=absent owned=no base="${PORTAGE_BUILDDIR}" file="/usr/src/linux-${KV_FULL}.sqfs"
	[[ -e ${EROOT%/}${file} ]] && image=there
	[[ -e ${ED%/}${file} ]] && built=there
	grep -qsF "obj ${file} " "${EROOT%/}/var/db/pkg/${CATEGORY}/${PF}/CONTENTS" && owned=yes
	echo "$1 phase=${EBUILD_PHASE} cwd=${PWD/#${base}/BASE} EROOT='${EROOT}' ED=${ED/#${base}/BASE}" \
		"by=${REPLACED_BY_VERSION} uid=${UID} image=${image} built=${built} owned=${owned}" >>/run/record
}
pre_src_install() { __record pre_src_install; }
post_src_install() { __record post_src_install; }
pre_pkg_preinst() { __record pre_pkg_preinst; }
post_pkg_postinst() { __record post_pkg_postinst; }
pre_pkg_prerm() { __record pre_pkg_prerm; }
pre_pkg_postrm() { __record pre_pkg_postrm; }
post_pkg_postrm() { __record post_pkg_postrm; }
