#!/bin/sh
# Runs a command on a system with an empty /usr/src and a Portage of its own: directories that are tmpfs, in a mount
# namespace that goes with the command. system.sh KSQUASH COMMAND…, KSQUASH being the program to be found as ksquash.
set -eu
program=$1
shift
for directory in /usr/src /run /var/tmp /var/db /var/lib/ksquash /etc/portage /etc/ksquash /usr/local/bin /alt; do
	mkdir -p "$directory"
	mount -t tmpfs none "$directory"
done
ln -s "$program" /usr/local/bin/ksquash
# Nobody else's lock: it is on the node, and this is another one.
if [ -c /dev/loop-control ]; then
	mknod /run/loop-control c 10 237
	mount --bind /run/loop-control /dev/loop-control
fi
PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin exec "$@"
