#!/bin/sh
# The helper's tests with the helper built under ASan and UBSan, which ends with status 99 at the first error:
# npm run sanitize:helper. Not with little memory or three descriptors: the sanitizers' runtimes need more.
set -eu
cd "$(dirname "$0")/.."
node scripts/build-helper.mjs --sanitize
KSQUASH_SANITIZED=1 exec unshare --mount --propagation private npx vitest run \
	test/fault/helper/attacks test/system/helper/verbs.test.ts \
	-t '^(?!.*(address space of|3 descriptors))'
