#!/bin/sh
# clang-format over all of native/, clang-tidy over the core. --fix formats instead of checking.
# A machine without the tools is told so and passes: TypeScript can be worked on there.
set -eu
cd "$(dirname "$0")/.."

sources=$(find native -name '*.cpp' -o -name '*.h' | sort)
if ! command -v clang-format >/dev/null; then
	echo "lint-native: clang-format is not installed; skipped" >&2
	exit 0
fi
if [ "${1:-}" = --fix ]; then
	# shellcheck disable=SC2086 # no file name of ours holds a space
	exec clang-format -i $sources
fi
# shellcheck disable=SC2086
clang-format --dry-run --Werror $sources

if ! command -v clang-tidy >/dev/null; then
	echo "lint-native: clang-tidy is not installed; skipped" >&2
	exit 0
fi
flags="-std=c++20 -fno-exceptions -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra"
find native/core -name '*.cpp' -print0 |
	xargs -0 -P "$(nproc)" -I{} sh -c "clang-tidy --quiet {} -- $flags 2>/dev/null"
