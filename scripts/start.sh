#!/bin/sh
# The main job on a real kernel source, into a scratch root: npm start [-- TARBALL | -- --small]
set -eu
cd "$(dirname "$0")/.."
scratch=${KSQUASH_SCRATCH:-/var/tmp/ksquash-demo}

case ${1-} in
-h | --help)
	echo "npm start                the newest kernel source tarball under /usr/src, else Debian's linux-source"
	echo "npm start -- TARBALL     this one"
	echo "npm start -- --small     the small kernel-like tree that ksquash ships (seconds)"
	exit 0
	;;
esac

sh scripts/setup.sh

newest() { # the newest kernel source tarball under /usr/src
	find /usr/src -maxdepth 1 -type f -name 'linux-*.tar.*' ! -name '*.sign' ! -name '*.asc' 2>/dev/null | sort -V | tail -n 1
}

small=
case ${1-} in
--small)
	source=test/fixtures/small-kernel
	small=yes
	;;
'') source=$(newest) ;;
-*)
	echo "npm start takes a tarball, or --small" >&2
	exit 64
	;;
*) source=$1 ;;
esac

if [ -z "$source" ]; then
	command -v apt-get >/dev/null || {
		echo "No kernel source under /usr/src: give a tarball from kernel.org (npm start -- linux-6.1.tar.xz), or -- --small" >&2
		exit 66
	}
	echo "No kernel source under /usr/src: installing Debian's linux-source" >&2
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends linux-source >/dev/null
	source=$(newest)
	[ -n "$source" ] || {
		echo "Debian's linux-source brought no tarball to /usr/src" >&2
		exit 69
	}
fi

ksquash="node $PWD/dist/cli/main.js"
mkdir -p "$scratch"
printf '\nksquash install --root %s %s\n\n' "$scratch" "$source"
if [ -n "$small" ]; then
	$ksquash install --root "$scratch" "$source" --base defconfig
else
	$ksquash install --root "$scratch" "$source"
fi
printf '\nksquash status --root %s\n\n' "$scratch"
$ksquash status --root "$scratch"

release=$($ksquash status --root "$scratch" --json | node -e '
	const { releases } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
	console.log((releases.find((row) => row.selected) ?? releases[0]).release);')
slice=kernel/sched/
cat <<END

Look at it:
  ls $scratch/usr/src/linux-$release        the source, read-only, from the image
  make -C $scratch/usr/src/linux -j2 $slice   compile a slice of it
  findmnt $scratch/usr/src/linux-$release

Undo it:
  $ksquash remove --root $scratch --purge $release && rm -r $scratch
END
