#!/bin/bash
# Makes the compiler wrapper's store object: $out/bin with one static program under each name.
# Inputs: $libc, the libc object whose loader and directory go into all that is linked; $libcDev, its headers, crt files
# and linker scripts, unless it is the seed's libc, whose own are found without being told; $src, this directory.
# It does not know the compiler itself, which stays in the seed and is called by its path there.
set -euo pipefail
: "${out:?}" "${libc:?}" "${src:?}"
export PATH=/usr/bin    # a build starts without one, and gcc finds as and ld through it

mkdir -p "$out/bin"
# -static: a configure script calls it a thousand times, and each would pay for a loader; so it costs 0.6 ms.
gcc-12 -std=gnu11 -O2 -Wall -Wextra -Werror -static -s -Wl,--build-id=none \
  -DSEED_BIN='"/usr/bin"' -DGCC_SUFFIX='"-12"' -DLIBC="\"$libc\"" ${libcDev:+-DLIBC_DEV="\"$libcDev\""} \
  -DSELF_BIN="\"$out/bin\"" \
  -o "$out/bin/cc" "$src/cc-wrapper.c"
for name in gcc c++ g++ cpp ld ld.bfd; do
  ln -s cc "$out/bin/$name"
done
