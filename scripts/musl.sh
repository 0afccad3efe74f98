#!/bin/sh
# musl's headers and library for the static helper of another machine, from Debian, into .cache/musl/ARCH:
#   sh scripts/musl.sh arm64|x64
# With package lists of its own, so that the machine's architectures stay as they are.
set -eu
cd "$(dirname "$0")/.."
case $1 in
x64) debian=amd64 ;;
*) debian=$1 ;;
esac
place=$PWD/.cache/musl/$1
[ ! -e "$place/usr" ] || exit 0
command -v apt-get >/dev/null || {
	echo "musl.sh: no apt-get here: the helper is linked with glibc, three times as large" >&2
	exit 0
}
mkdir -p "$place/lists/partial" "$place/cache/archives/partial"
set -- -qq -o Acquire::Retries=4 -o APT::Architectures::="$(dpkg --print-architecture)" -o APT::Architectures::="$debian" \
	-o Dir::State::lists="$place/lists" -o Dir::Cache="$place/cache" -o APT::Sandbox::User=root
apt-get "$@" update
(cd "$place" && apt-get "$@" download "musl-dev:$debian" && dpkg-deb --extract ./*.deb files)
mv "$place/files/usr" "$place/usr"
rm -r "$place/lists" "$place/cache" "$place/files" "$place"/*.deb
