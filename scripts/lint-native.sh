#!/bin/sh
# clang-format over native/ and bench/, clang-tidy over the core and the helper. --fix formats instead of checking.
# A machine without the tools is told so and passes, but not with MUST_WORK=1.
set -eu
cd "$(dirname "$0")/.."

sources=$(find native bench -name '*.cpp' -o -name '*.h' | sort)
skip() {
	echo "lint-native: $1 is not installed; skipped" >&2
	[ "${MUST_WORK:-}" != 1 ] || exit 69
	exit 0
}
command -v clang-format >/dev/null || skip clang-format
if [ "${1:-}" = --fix ]; then
	# shellcheck disable=SC2086 # no file name of ours holds a space
	exec clang-format -i $sources
fi
# shellcheck disable=SC2086
clang-format --dry-run --Werror $sources

command -v clang-tidy >/dev/null || skip clang-tidy
find native/core native/helper -name '*.cpp' -print0 | xargs -0 -P "$(nproc)" -n 1 sh scripts/tidy-file.sh
