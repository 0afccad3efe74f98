# Scenarios: packages beside the sources that the hook is read for, too, and that are none of its business; and sources
# whose image is not of their package.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016,SC2030,SC2031,SC2317

# All that ksquash has here, to the inode and the nanosecond, and what is mounted.
state() {
	find $src /var/lib/ksquash -xdev -printf '%p %y %i %n %s %T@ %l\n' | sort
	grep " $src" /proc/self/mountinfo
}
as_it_was() { [[ $before == "$(state)" ]] && not said "ksquash"; }
bystander() { # VERSION: installed, for the release that is selected
	install "$1" && [[ $(cat "/alt/$PACKAGE") == "$1 for 6.1.7-gentoo" ]]
}

# beside PACKAGE: its whole life.
beside() {
	local before
	local -x PACKAGE=$1
	before=$(state)
	check "$where, $1: installed" bystander 1.0
	check "$where, $1: installed, the sources are as they were" as_it_was
	check "$where, $1: reinstalled" bystander 1.0
	check "$where, $1: reinstalled, the sources are as they were" as_it_was
	check "$where, $1: upgraded" bystander 1.1
	check "$where, $1: upgraded, the sources are as they were" as_it_was
	mv /usr/local/bin/ksquash /run/ksquash-away
	check "$where, $1: downgraded without the program" bystander 1.0
	mv /run/ksquash-away /usr/local/bin/ksquash
	check "$where, $1: downgraded without the program, the sources are as they were" as_it_was
	unmerge 1.0
	check "$where, $1: unmerged" not test -e "/alt/$1"
	check "$where, $1: unmerged, the sources are as they were" as_it_was
}

# An older ksquash wrote its block for all of a pattern; others put it in bashrc themselves.
bystanders() {
	local where file=/etc/portage/env/sys-kernel/gentoo-sources name
	for name in out-of-tree linux-headers claims-sources; do
		reset
		USE=symlink install 6.1.7
		where="own file"
		cp $file "${file%/*}/$name"
		beside $name
		rm "${file%/*}/$name"
		where="bashrc"
		cp $file /etc/portage/bashrc
		beside $name
		rm /etc/portage/bashrc
		check "$name: the sources are linked and build" eval 'in_order build-6.1.7-gentoo && builds 6.1.7-gentoo'
	done
	# What such a ksquash had saved with a package would act when it goes; the functions of the file win.
	local former='__ksquash_is_ours() { [[ ${ETYPE:-sources} == sources \&\& -n ${KV_FULL} ]]; }'
	sed "s/^__ksquash_phase() {/$former\n&/" $file >"${file%/*}/out-of-tree"
	PACKAGE=out-of-tree install 1.0
	cp $file "${file%/*}/out-of-tree"
	local before
	before=$(state)
	PACKAGE=out-of-tree install 1.1
	check "saved by an older one, upgraded: the sources are as they were" as_it_was
	cp $file /etc/portage/bashrc
	echo "# mine" >>$src/build-6.1.7-gentoo/.config
	USE=symlink install 6.1.7
	check "bashrc, the sources: reinstalled" eval 'mounted 6.1.7-gentoo && grep -q "# mine" $src/build-6.1.7-gentoo/.config'
	USE=symlink install 6.1.8
	check "bashrc, the sources: upgraded" eval 'mounted 6.1.8-gentoo && in_order build-6.1.8-gentoo'
	unmerge 6.1.7
	unmerge 6.1.8
	check "bashrc, the sources: unmerged" clean
}

# Sources that are plain files, and were packed where they stood: the image is the user's.
in_place() {
	reset
	mv /usr/local/bin/ksquash /run/ksquash-away
	install 6.1.7
	mv /run/ksquash-away /usr/local/bin/ksquash
	check "packed in place: a plain tree before" plain 6.1.7-gentoo
	ksquash install $src/linux-6.1.7-gentoo >"$log" 2>&1
	check "packed in place: mounted" eval 'mounted 6.1.7-gentoo && builds 6.1.7-gentoo'
	unmerge 6.1.7
	check "packed in place: unmerge takes the mount away first" not mounted 6.1.7-gentoo
	check "packed in place: the package is gone" not test -e /var/db/pkg/sys-kernel/gentoo-sources-6.1.7
	check "packed in place: image and build directory stay, and it is said" eval \
		'ksquash verify 6.1.7-gentoo && [[ -s $src/build-6.1.7-gentoo/.config ]] && said "ksquash remove 6.1.7-gentoo"'
	ksquash mount 6.1.7-gentoo >"$log" 2>&1
	check "packed in place: mounted again" builds 6.1.7-gentoo
}
