# Scenarios: what travels in a package, what is masked out of it, and places and kernels that are not the usual ones.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016,SC2030,SC2031,SC2317

binaries() {
	local file=/etc/portage/env/sys-kernel/gentoo-sources
	reset
	install 6.1.7
	quick_package 6.1.7 >"$log" 2>&1
	check "quickpkg: a package of what is installed" eval '[[ -n $(find "$PKGDIR" -type f -size +4k) ]]'
	unmerge 6.1.7
	check "quickpkg: gone" clean
	binary 6.1.7
	check "quickpkg: installed again, mounted" mounted 6.1.7-gentoo
	check "quickpkg: the manifest came along" ksquash verify 6.1.7-gentoo --deep
	echo "# mine" >>$src/build-6.1.7-gentoo/.config
	binary 6.1.7
	check "binary package over itself: .config is as it was" grep -q "# mine" $src/build-6.1.7-gentoo/.config
	busy 6.1.7-gentoo
	check "binary package over a busy mount: refused" not binary 6.1.7
	idle
	reset
	build_binary 6.1.8 >"$log" 2>&1
	check "buildpkg: this system has nothing of it" clean
	rm $file
	USE=symlink binary 6.1.8
	check "binary package on a host without the file: mounted, configured" eval \
		'mounted 6.1.8-gentoo && [[ -s $src/build-6.1.8-gentoo/.config ]]'
	unmerge 6.1.8
	check "binary package on a host without the file: unmerge" clean
	mv /usr/local/bin/ksquash /run/ksquash-away
	binary 6.1.8
	mv /run/ksquash-away /usr/local/bin/ksquash
	check "binary package on a host without the program: it is said" said "is not mounted"
	ksquash mount 6.1.8-gentoo >"$log" 2>&1
	check "binary package on a host without the program: mounted later" mounted 6.1.8-gentoo
	unmerge 6.1.8
	check "binary package on a host without the program: unmerge" clean
	build_binary 6.1.9 >"$log" 2>&1
	ksquash portage install >/dev/null
	binary 6.1.9
	check "binary package made without the hook: a plain tree" plain 6.1.9-gentoo
	check "binary package made without the hook: none is made up" not test -e $src/build-6.1.9-gentoo
	unmerge 6.1.9
	check "binary package made without the hook: unmerge" clean
}
plain() { ! mounted "$1" && [[ -f $src/linux-$1/Makefile ]]; }
binary() { install_binary "$@" >"$log" 2>&1; }

masked() {
	reset
	INSTALL_MASK="/usr/src/*.json /usr/src/*.list.gz" install 6.1.7
	check "INSTALL_MASK of the manifest: mounted" mounted 6.1.7-gentoo
	unmerge 6.1.7
	check "INSTALL_MASK of the manifest: unmerge" clean
	INSTALL_MASK="/usr/src" install 6.1.7
	check "INSTALL_MASK of all: installed, and nothing is there" eval 'clean && [[ -d /var/db/pkg/sys-kernel/gentoo-sources-6.1.7 ]]'
	check "INSTALL_MASK of all: no complaint" not said "ksquash:"
	unmerge 6.1.7
	check "INSTALL_MASK of all: unmerge" clean
}

# kernel-2 copies: of the first run the image is left in the work directory, and an empty tree.
twice() {
	reset
	install_twice 6.1.7 >"$log" 2>&1
	check "ebuild install twice: mounted" mounted 6.1.7-gentoo
	check "ebuild install twice: the image is whole" ksquash verify 6.1.7-gentoo --deep
	unmerge 6.1.7
	check "ebuild install twice: unmerge" clean
}

# Binds files over those of /proc, which a phase sees that has no /proc of its own.
running_config() { gzip -c >/run/config.gz && mount --bind /run/config.gz /proc/config.gz; }

unable() {
	local symbol
	export FEATURES="-pid-sandbox"
	for symbol in SQUASHFS BLK_DEV_LOOP; do
		reset
		zcat /proc/config.gz >/run/config
		sed "/^CONFIG_$symbol\(_.*\)\?=/d" /run/config | running_config
		install 6.1.7
		umount /proc/config.gz
		check "a kernel without $symbol: a plain tree" plain 6.1.7-gentoo
		check "a kernel without $symbol: it is said" said "has no CONFIG_$symbol=y"
		unmerge 6.1.7
		check "a kernel without $symbol: unmerge" clean
	done
	reset
	# No driver has this number: ENXIO, as where the loop driver is not loaded.
	mknod /run/no-driver c 240 77
	mount --bind /run/no-driver /dev/loop-control
	install 6.1.7
	check "no loop devices: it is said, with what to do then" eval 'said "no loop devices" && said "modprobe loop" &&
		said "ksquash mount 6.1.7-gentoo && ksquash configure 6.1.7-gentoo"'
	umount /dev/loop-control
	{ ksquash mount 6.1.7-gentoo && ksquash configure 6.1.7-gentoo; } >"$log" 2>&1
	check "no loop devices: what was said makes it well" builds 6.1.7-gentoo
	unmerge 6.1.7
	check "no loop devices: unmerge" clean
	reset
	sed 's,^# Linux/[^ ]*,# Linux/arm64,; $aCONFIG_ARM64=y\nCONFIG_WATCHDOG=y' /run/config | running_config
	install 6.1.7
	umount /proc/config.gz
	check "config.gz of another architecture: it is no base" eval \
		'builds 6.1.7-gentoo && ! said "config.gz is the base"'
	reset
	: | running_config
	install 6.1.7
	umount /proc/config.gz
	check "config.gz is none: mounted, and it is said" eval 'mounted 6.1.7-gentoo && said "not configured: ksquash configure"'
	reset
	# Of processes alone: no config.gz, and nothing else that is the kernel's.
	mount -t proc -o subset=pid none /proc
	install 6.1.7
	umount /proc
	check "no config.gz: mounted, configured" eval 'mounted 6.1.7-gentoo && builds 6.1.7-gentoo'
	unmerge 6.1.7
	check "no config.gz: unmerge" clean
}

# /usr/src is a link, and so is the place for the build directory.
linked() {
	local over=/run/over
	reset
	umount $src
	mkdir -p $over/{upper,work,sources,programs}
	ln -s $over/sources $over/upper/src
	mount --bind /usr/local/bin $over/programs
	mount -t overlay none -o lowerdir=/usr,upperdir=$over/upper,workdir=$over/work /usr || return
	mkdir -p /usr/local/bin
	mount --bind $over/programs /usr/local/bin
	USE=symlink install 6.1.7
	check "/usr/src is a link: mounted" mountpoint -q $over/sources/linux-6.1.7-gentoo
	check "/usr/src is a link: make works" builds 6.1.7-gentoo
	check "/usr/src is a link: the link" test -e $src/linux/.config
	install 6.1.7
	check "/usr/src is a link: reinstalled" mountpoint -q $over/sources/linux-6.1.7-gentoo
	unmerge 6.1.7
	check "/usr/src is a link: unmerge" eval '[[ -z $(ls -A $src/) ]]'
	umount --lazy /usr
	mount -t tmpfs none $src
	mkdir -p /run/elsewhere
	ln -s /run/elsewhere $src/build-6.1.7-gentoo
	install 6.1.7
	check "the build directory is a link: configured behind it" test -s /run/elsewhere/.config
	check "the build directory is a link: make works" builds 6.1.7-gentoo
	unmerge 6.1.7
	check "the build directory is a link: unmerge" eval 'clean && [[ -z $(ls -A /run/elsewhere 2>/dev/null) ]]'
}
