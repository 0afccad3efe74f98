#!/bin/sh
# A benchmark in a mount namespace of its own: npm run bench -- mount|boot|helper. KSQUASH_BENCH_ROUNDS=N: 20 by default;
# KSQUASH_BENCH_PARTS="cycles tables": some only.
set -eu
cd "$(dirname "$0")/.."
name=${1:?which one? see bench/}
unset NODE_EXTRA_CA_CERTS
node scripts/node-gyp.mjs >/dev/null
node scripts/build-helper.mjs >/dev/null
out=build/bench
mkdir -p "$out"
g++ -std=c++20 -O2 -D_GNU_SOURCE -o "$out/peers" bench/peers.cpp native/core/base/sys.cpp
npx esbuild "bench/$name.ts" --bundle --platform=node --format=esm --log-level=warning --outfile="$out/$name.mjs"
exec unshare --mount --propagation private node "$out/$name.mjs" "$PWD/$out/peers" "$PWD/build/Release/drive" \
	"$PWD/build/helper/ksquash-helper"
