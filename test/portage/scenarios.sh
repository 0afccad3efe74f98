#!/bin/bash
# Everything that the hook does, step by step, on a running system of its own: scenarios.sh DRIVER, where DRIVER defines
# install_package VERSION, remove_package VERSION, and so on (driver.sh here, or real.sh with the real Portage).
# Prints "ok NAME" or "not ok NAME" for each check; KSQUASH_VERBOSE=1 what Portage said, too. Needs root, and a private mount namespace with an empty /usr/src.
# shellcheck disable=SC1090,SC2034,SC2154,SC2030,SC2031 # each scenario is a subshell with variables of its own
here=$(dirname "$(readlink -f "$0")")
export here KERNEL=${KERNEL:-$here/../fixtures/small-kernel}
export PKGDIR=/var/tmp/packages
source "$1"
source "$here/packages.sh"
source "$here/failures.sh"
source "$here/bystanders.sh"
src=/usr/src
log=/run/portage.log

check() { # NAME COMMAND…
	local name=$1
	shift
	if "$@" >/dev/null 2>&1; then echo "ok $name"; else
		echo "not ok $name"
		sed 's/^/# /' "$log"
		find $src -maxdepth 1 | sed 's/^/# /'
	fi
	[[ -z $KSQUASH_VERBOSE ]] || sed 's/^/# /' "$log"
}
not() { ! "$@"; }
same() { [[ $1 == "$2" ]]; }
mounted() { mountpoint -q "$src/linux-$1"; }
said() { grep -q -- "$1" "$log"; }
in_order() { [[ $(readlink $src/linux) == "$1" ]]; }
install() { install_package "$@" >"$log" 2>&1; }
unmerge() { remove_package "$@" >"$log" 2>&1; }
builds() { make -s -C "$src/build-$1" prepare >>"$log" 2>&1; }
busy() { # VERSION: a process that has its working directory in the source
	(cd "$src/linux-$1" && exec sleep 1000) &
	sleeper=$!
	for _ in {1..100}; do
		[[ $(readlink "/proc/$sleeper/cwd") == "$src/linux-$1" ]] && return
		sleep 0.05
	done
}
idle() {
	kill "$sleeper"
	wait "$sleeper" 2>/dev/null
}
clean() { # nothing of ours but what was kept
	[[ -z $(find $src -mindepth 1 -maxdepth 1) ]]
}
reset() {
	umount -R $src
	mount -t tmpfs none $src
	rm -rf /var/lib/ksquash/* /var/db/pkg/sys-kernel /etc/portage/{env,bashrc} /alt/* /etc/ksquash/* "$PKGDIR"
	ksquash portage install >/dev/null
}

life() {
	reset
	USE=symlink install 6.1.7
	check "install: mounted, configured, linked" mounted 6.1.7-gentoo
	check "install: the build directory has a .config" test -s $src/build-6.1.7-gentoo/.config
	check "install: the link" in_order build-6.1.7-gentoo
	check "install: make works" builds 6.1.7-gentoo
	echo "# mine" >>$src/build-6.1.7-gentoo/.config
	touch $src/build-6.1.7-gentoo/mine.o
	install 6.1.7
	check "idle reinstall: mounted again" mounted 6.1.7-gentoo
	check "idle reinstall: .config is as it was" grep -q "# mine" $src/build-6.1.7-gentoo/.config
	check "idle reinstall: objects stay" test -e $src/build-6.1.7-gentoo/mine.o
	rm $src/build-6.1.7-gentoo/mine.o
	local before
	before=$(stat -c %i:%Z $src/linux-6.1.7-gentoo.sqfs)
	busy 6.1.7-gentoo
	check "busy reinstall: refused" not install 6.1.7
	check "busy reinstall: names the process" said "sleep (pid $sleeper"
	check "busy reinstall: nothing changed" same "$before" "$(stat -c %i:%Z $src/linux-6.1.7-gentoo.sqfs)"
	check "busy reinstall: still mounted" mounted 6.1.7-gentoo
	unmerge 6.1.7
	check "busy unmerge: says so" said "detached"
	idle
	check "busy unmerge: nothing is mounted" not mounted 6.1.7-gentoo
	check "busy unmerge: nothing is left" clean
	check "busy unmerge: .config is kept" grep -rq "# mine" /var/lib/ksquash/kept
	install 6.1.7
	unmerge 6.1.7
	check "idle unmerge: nothing is left" clean
}

neighbours() {
	reset
	USE=symlink install 6.1.7
	USE=symlink install 6.1.7-r1
	install 6.1.71
	check "r0, r1 and a longer number beside each other" eval "mounted 6.1.7-gentoo && mounted 6.1.7-gentoo-r1 && mounted 6.1.71-gentoo"
	check "the link is the newest that asked" in_order build-6.1.7-gentoo-r1
	unmerge 6.1.7-r1
	check "r1 gone, r0 stays" eval "mounted 6.1.7-gentoo && mounted 6.1.71-gentoo && ! test -e $src/build-6.1.7-gentoo-r1"
	check "the link does not dangle" test -e $src/linux
	unmerge 6.1.7
	check "r0 gone, the longer number stays" eval "mounted 6.1.71-gentoo && ! test -e $src/build-6.1.7-gentoo"
	install 6.1.7
	unmerge 6.1.71
	check "the longer number gone, r0 stays" eval "mounted 6.1.7-gentoo && ! test -e $src/build-6.1.71-gentoo"
	unmerge 6.1.7
	check "all gone" clean
}

links() {
	reset
	install 6.1.7
	check "USE=-symlink: no link" not test -L $src/linux
	ln -s elsewhere $src/linux
	install 6.1.7
	check "USE=-symlink: a link of the user's stays" in_order elsewhere
	unmerge 6.1.7
	check "unmerge: a link of the user's stays" in_order elsewhere
	rm $src/linux
	mkdir -p /etc/ksquash
	echo 'portage_symlink = "always"' >/etc/ksquash/config.toml
	install 6.1.7
	check "portage_symlink = always" in_order build-6.1.7-gentoo
	echo 'portage_build_directory = "keep"' >/etc/ksquash/config.toml
	unmerge 6.1.7
	check "portage_build_directory = keep: it stays" test -s $src/build-6.1.7-gentoo/.config
}

broken() {
	reset
	local tool
	tool=$(readlink -f "$(type -P mksquashfs)")
	cp "$tool" /run/mksquashfs
	printf '#!/bin/sh\ncase $1 in -version | -help*) exec /run/mksquashfs "$@" ;; esac\nexit 1\n' >/run/failing
	chmod 755 /run/failing
	mount --bind /run/failing "$tool"
	install 6.1.7
	check "mksquashfs fails: the plain tree is installed" test -f $src/linux-6.1.7-gentoo/Makefile
	check "mksquashfs fails: it is said" said "installed as a plain tree"
	mkdir -p /etc/ksquash
	echo 'portage_on_failure = "fail"' >/etc/ksquash/config.toml
	check "portage_on_failure = fail: nothing is installed" not install 6.1.8
	umount "$tool"
	rm /etc/ksquash/config.toml
	unmerge 6.1.7
	check "plain: unmerge" clean
	ADDED=1 install 6.1.7
	check "files that the ebuild added: mounted all the same" mounted 6.1.7-gentoo
	check "files that the ebuild added: beside it" test -f $src/linux-6.1.7-gentoo.added/patches.txt
	unmerge 6.1.7
	check "files that the ebuild added: unmerge" clean
	install 6.1.7
	umount $src/linux-6.1.7-gentoo
	rm $src/linux-6.1.7-gentoo.sqfs
	unmerge 6.1.7
	check "image deleted by hand: unmerge" clean
}

others() {
	reset
	local file=/etc/portage/env/sys-kernel/gentoo-sources
	{ echo 'post_pkg_postinst() { echo mine >>/run/mine; }'; cat $file; } >/run/file
	cp /run/file $file
	rm -f /run/mine
	install 6.1.7
	check "a user's function runs, and ours" eval "[[ \$(cat /run/mine) == mine ]] && mounted 6.1.7-gentoo"
	install 6.1.7
	check "it runs once at a reinstall, too" same "$(wc -l </run/mine)" 2
	rm $file
	unmerge 6.1.7
	check "the file is gone: what was saved does the work" clean
	ksquash portage install >/dev/null
	install 6.1.7
	mv /usr/local/bin/ksquash /run/ksquash-away
	unmerge 6.1.7
	mv /run/ksquash-away /usr/local/bin/ksquash
	check "the program is gone: nothing stays mounted" not mounted 6.1.7-gentoo
	reset
	mv /usr/local/bin/ksquash /run/ksquash-away
	install 6.1.7
	mv /run/ksquash-away /usr/local/bin/ksquash
	check "the program is gone: a plain tree" test -f $src/linux-6.1.7-gentoo/Makefile
	install 6.1.7
	check "plain, then with the hook: mounted" mounted 6.1.7-gentoo
	reset
	mkdir -p /etc/portage
	FEATURES=mount-sandbox install 6.1.7
	check "mount-sandbox: mounted for all" mounted 6.1.7-gentoo
}

elsewhere() {
	reset
	mkdir -p /alt
	ROOT=/alt install 6.1.7
	check "ROOT=/alt: the image is there" test -f /alt/usr/src/linux-6.1.7-gentoo.sqfs
	check "ROOT=/alt: nothing is mounted" not mountpoint -q /alt/usr/src/linux-6.1.7-gentoo
	check "ROOT=/alt: the directories" test -d /alt/usr/src/build-6.1.7-gentoo
	check "ROOT=/alt: this system has nothing of it" clean
	ROOT=/alt unmerge 6.1.7
	check "ROOT=/alt: unmerge" not test -e /alt/usr/src/build-6.1.7-gentoo
}

conventions() {
	local eapi
	for eapi in 6 7; do
		reset
		EAPI=$eapi install 6.1.7
		check "EAPI $eapi: mounted" mounted 6.1.7-gentoo
		EAPI=$eapi install 6.1.7
		check "EAPI $eapi: reinstalled" mounted 6.1.7-gentoo
		EAPI=$eapi unmerge 6.1.7
		check "EAPI $eapi: nothing is left" clean
	done
}

# What Portage gives each phase, written down by functions of a user's above ours.
record() {
	reset
	local file=/etc/portage/env/sys-kernel/gentoo-sources
	cat "$here/recorder.bash" $file >/run/file
	cp /run/file $file
	rm -f /run/record
	install 6.1.7
	echo "reinstall" >>/run/record
	install 6.1.7
	echo "unmerge" >>/run/record
	unmerge 6.1.7
	sed "s/^/record: /" /run/record
}

for scenario in ${SCENARIOS:-life neighbours links broken others elsewhere conventions
	binaries masked twice unable linked signals full bystanders in_place}; do ("$scenario"); done
