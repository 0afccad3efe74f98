#!/bin/sh
# The main job on a real kernel source, into a scratch root: npm start [-- TARBALL | -- --small]
set -eu
scratch=${KSQUASH_SCRATCH:-/var/tmp/ksquash-demo}

usage() {
	echo "npm start                the newest kernel source tarball under /usr/src, else Debian's linux-source"
	echo "npm start -- TARBALL     this one"
	echo "npm start -- --small     the small kernel-like tree that ksquash ships (seconds)"
}

refuse() { # status, sentence
	echo "npm start: $2" >&2
	exit "$1"
}

[ $# -le 1 ] || {
	usage >&2
	refuse 64 "it takes one argument at most"
}
case ${1-} in
-h | --help)
	usage
	exit 0
	;;
--small | '') source= ;;
-*)
	usage >&2
	refuse 64 "it has no option $1"
	;;
*) source=$(realpath -e -- "$1") || refuse 66 "there is no $1" ;;
esac
cd "$(dirname "$0")/.."

mine() { # a directory that nobody else may write; src/system/writers.ts says when a group is nobody else
	[ -n "$(find "$1" -maxdepth 0 -type d -user "$(id -u)" ! -perm /002)" ] || return 1
	[ -n "$(find "$1" -maxdepth 0 -perm /020)" ] || return 0
	gid=$(stat -c %g -- "$1")
	others=$(
		getent group "$gid" | cut -d: -f4 | tr , '\n'
		getent passwd | awk -F: -v gid="$gid" '$4 == gid { print $1 }'
	) || return 1
	! printf '%s\n' "$others" | grep -qvxF -e '' -e root -e "$(id -un)" && getent group "$gid" >/dev/null &&
		case $(ls -ld -- "$1") in ??????????+*) false ;; esac
}

# In /var/tmp another user may have made it first: what root builds there would be his.
[ -e "$scratch" ] || mkdir -m 0755 -- "$scratch"
mine "$scratch" ||
	refuse 77 "$scratch is no directory that is yours alone: remove it, or name another place with KSQUASH_SCRATCH"

sh scripts/setup.sh

newest() { # the newest kernel source tarball under /usr/src
	find /usr/src -maxdepth 1 -type f -name 'linux-*.tar.*' ! -name '*.sign' ! -name '*.asc' 2>/dev/null | sort -V | tail -n 1
}

base=
if [ "${1-}" = --small ]; then
	source=$PWD/test/fixtures/small-kernel
	base=--base=defconfig
elif [ -z "$source" ]; then
	source=$(newest)
fi
if [ -z "$source" ]; then
	command -v apt-get >/dev/null ||
		refuse 66 "no kernel source under /usr/src: give a tarball from kernel.org (npm start -- linux-6.1.tar.xz), or -- --small"
	echo "No kernel source under /usr/src: installing Debian's linux-source" >&2
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends linux-source >/dev/null
	source=$(newest)
	[ -n "$source" ] || refuse 69 "Debian's linux-source brought no tarball to /usr/src"
fi

ksquash() { node dist/cli/ksquash.cjs "$@" --root "$scratch"; }

quote() { # so that the shell reads it as one word
	case $1 in
	*[!A-Za-z0-9_./:@%+=-]* | '') printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
	*) printf %s "$1" ;;
	esac
}
root=$(quote "$scratch")

printf '\nksquash install --root %s %s\n\n' "$root" "$(quote "$source")"
# shellcheck disable=SC2086 # one word or none
ksquash install $base "$source"
# It has just moved the link to its build directory.
release=$(ksquash status --json | node -e '
	const { releases } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
	console.log(releases.find((row) => row.selected).release);')
printf '\nksquash status --root %s\n\n' "$root"
ksquash status

tree=$(quote "$scratch/usr/src/linux-$release")
cat <<END

Look at it:
  ls $tree        the source, read-only, from the image
  make -C $(quote "$scratch/usr/src/build-$release") -j2 kernel/sched/   compile a slice of it
  findmnt $tree

Undo it:
  node $(quote "$PWD/dist/cli/ksquash.cjs") remove --root $root --purge $release
  rm -r --one-file-system $root    when status shows no other release there
END
