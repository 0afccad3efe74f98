#!/bin/sh
# clang-tidy over one file: tidy-file.sh FILE, for lint-native.sh. A file that it had nothing to say of is not looked at
# again while the file, all that it includes, the flags, the settings and the tool are the same: .cache/tidy/ has an empty
# file for each, named by the hash of all that.
set -eu
flags="-std=c++20 -fno-exceptions -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra"
version='-DKSQUASH_VERSION="0"'
kept=.cache/tidy
mkdir -p "$kept"
# shellcheck disable=SC2086 # lists of words
included=$(c++ "$version" $flags -M -MT all "$1" | sed 's/^all://; s/\\$//')
# shellcheck disable=SC2086
hash=$({ clang-tidy --version && echo "$version $flags" && cat .clang-tidy "$1" $included; } | sha256sum | cut -d' ' -f1)
[ ! -e "$kept/$hash" ] || exit 0
# shellcheck disable=SC2086
said=$(clang-tidy --quiet "$1" -- "$version" $flags 2>/dev/null) || {
	printf '%s\n' "$said"
	exit 1
}
[ -z "$said" ] && : >"$kept/$hash"
printf '%s' "$said"
