# Scenarios: Portage is ended in the middle, and disks that are full. Nothing is lost, and the next emerge succeeds.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016,SC2030,SC2031,SC2086,SC2317

# instead PROGRAM: what stdin says runs in its place; the program itself is $0.real. `itself PROGRAM` undoes it.
instead() {
	local tool
	tool=$(readlink -f "$(type -P "$1")")
	cp "$tool" "/run/$1.real"
	{ printf '#!/bin/bash\ncase $1 in -version | -help*) exec "/run/%s.real" "$@" ;; esac\n' "$1"; cat; } >"/run/$1.instead"
	chmod 755 "/run/$1.instead"
	mount --bind "/run/$1.instead" "$tool"
}
itself() { umount "$(readlink -f "$(type -P "$1")")"; }

# PROGRAM stops while there is /run/hold; who stopped has it open.
stops() {
	instead "$1" <<-X
		if [[ -e /run/hold ]]; then
			exec sleep 1000 9</run/hold
		fi
		exec /run/$1.real "\$@"
	X
}
stopped() { ls -l /proc/[0-9]*/fd/9 2>/dev/null | grep -q /run/hold; }
descendants() {
	local child
	for child in $(pgrep -P "$1"); do
		descendants "$child"
		echo "$child"
	done
}

# ended SIGNAL VERSION: installs it, and sends the signal once something has stopped. KILL ends all at once, as the
# out-of-memory killer or a power cut does; others go to the process group, as a terminal sends them.
ended() {
	local signal=$1 main
	touch /run/hold
	set -m
	(
		trap 'exit 130' INT TERM
		install_package "$2"
	) >"$log" 2>&1 &
	main=$!
	set +m
	for _ in {1..600}; do
		stopped && break
		sleep 0.1
	done
	check "$signal: it came so far" stopped
	if [[ $signal == KILL ]]; then
		kill -KILL "$main" $(descendants "$main")
	else
		kill -s "$signal" -- "-$main"
	fi
	wait "$main" 2>/dev/null
	for _ in {1..300}; do
		stopped || break
		sleep 0.1
	done
	check "$signal: nothing runs on" not stopped
	rm /run/hold
}

signals() {
	local signal
	for signal in TERM INT KILL; do
		reset
		install 6.1.7
		echo "# mine" >>$src/build-6.1.7-gentoo/.config
		stops mksquashfs
		ended $signal 6.1.7
		itself mksquashfs
		check "$signal while it packs: what was there stays" eval \
			'mounted 6.1.7-gentoo && grep -q "# mine" $src/build-6.1.7-gentoo/.config'
		install 6.1.7
		check "$signal while it packs: the next emerge succeeds" eval \
			'mounted 6.1.7-gentoo && ksquash verify --deep 6.1.7-gentoo && grep -q "# mine" $src/build-6.1.7-gentoo/.config'
		stops make
		ended $signal 6.1.8
		itself make
		check "$signal while it configures: the image is there" ksquash verify --deep 6.1.8-gentoo
		check "$signal while it configures: make says what to do" eval '! builds 6.1.8-gentoo && said "run: ksquash configure"'
		install 6.1.8
		check "$signal while it configures: the next emerge succeeds" eval 'mounted 6.1.8-gentoo && builds 6.1.8-gentoo'
		unmerge 6.1.7
		unmerge 6.1.8
		check "$signal: nothing is left" clean
	done
	reset
	local file=/etc/portage/env/sys-kernel/gentoo-sources
	{ echo 'pre_pkg_postinst() { [[ ! -e /run/hold ]] || sleep 1000 9</run/hold; }'; cat $file; } >/run/file
	cp /run/file $file
	ended KILL 6.1.7
	check "killed between merge and postinst: status says so" eval 'ksquash status | grep -Eq "6.1.7-gentoo +(absent|unmounted)"'
	ksquash mount --all >"$log" 2>&1
	check "killed between merge and postinst: mounted with all" mounted 6.1.7-gentoo
	install 6.1.7
	check "killed between merge and postinst: the next emerge succeeds" builds 6.1.7-gentoo
}

full() {
	local place=/var/tmp/portage
	reset
	mkdir -p $place /etc/ksquash
	install 6.1.7
	mount -t tmpfs -o size=4m none $place
	! getent passwd portage >/dev/null || chown portage:portage $place
	instead mksquashfs <<-X
		head -c 8M /dev/zero >$place/filler 2>/dev/null
		/run/mksquashfs.real "\$@"
		status=\$?
		rm $place/filler
		exit \$status
	X
	install 6.1.8
	check "full while it packs: the plain tree" plain 6.1.8-gentoo
	check "full while it packs: why is said" eval 'said "o space left" && said "installed as a plain tree"'
	check "full while it packs: the other release stays" mounted 6.1.7-gentoo
	echo 'portage_on_failure = "fail"' >/etc/ksquash/config.toml
	check "full while it packs, with portage_on_failure = fail: refused" not install 6.1.7
	check "full while it packs, with portage_on_failure = fail: what was there stays" mounted 6.1.7-gentoo
	rm /etc/ksquash/config.toml
	itself mksquashfs
	umount -l $place
	install 6.1.8
	check "full while it packs: the next emerge succeeds" builds 6.1.8-gentoo

	reset
	install 6.1.7
	local used before
	before=$(sha256sum $src/*.sqfs)
	used=$(df --output=used -k $src | tail -1)
	mount -o remount,size=$((used + 4))k $src
	check "/usr/src is full: emerge fails" not install 6.1.7
	ksquash mount 6.1.7-gentoo >>"$log" 2>&1
	check "/usr/src is full: the image is the one before" eval '[[ -n $before && $before == "$(sha256sum $src/*.sqfs)" ]]'
	check "/usr/src is full: it is mounted again" mounted 6.1.7-gentoo
	mount -o remount,size=64m $src
	install 6.1.7
	check "/usr/src is full: the next emerge succeeds" builds 6.1.7-gentoo
	unmerge 6.1.7
	umount -R $src
	mount -t tmpfs -o size=28k none $src
	install 6.1.7
	check "/usr/src is full after the merge: mounted, and it is said" eval \
		'mounted 6.1.7-gentoo && said "not configured: ksquash configure 6.1.7-gentoo"'
	check "/usr/src is full after the merge: no half .config" not test -e $src/build-6.1.7-gentoo/.config
	mount -o remount,size=64m $src
	ksquash configure 6.1.7-gentoo >"$log" 2>&1
	check "/usr/src is full after the merge: what was said makes it well" builds 6.1.7-gentoo
	unmerge 6.1.7
	check "/usr/src is full after the merge: unmerge" clean
}
