#!/bin/bash
# Builds glibc so that its own store path is its prefix: the loader searches nothing but it, and locales and character
# sets come from it. Inputs: $src, $debian, $patches, the seed with bison and python as `/`; outputs: $out/lib, what
# runs; $dev, what compiles and links against it, kernel headers included.
#
# It does not know how programs come to use it: the compiler wrapper does. What belongs to the host's administrator
# stays where it is on every system: /etc/passwd, /etc/resolv.conf, /etc/localtime with its zone files, /bin/sh.
set -euo pipefail
: "${out:?}" "${dev:?}" "${src:?}" "${debian:?}" "${patches:?}" "${CAB_CORES:?}"
export PATH=/usr/bin:/usr/sbin

readonly staging=/build/staging

# What gcc and g++ link without being asked, or for -fopenmp and C11 atomics: the seed's, which any glibc 2.36 serves.
readonly compilerLibraries=(libgcc_s.so.1 libstdc++.so.6 libatomic.so.1 libgomp.so.1)

# Not kept: debuggers' and profilers' libraries, and plug-ins for nsswitch.conf (libc.so.6 itself knows files and dns).
readonly libraries=(
  libc.so.6 libm.so.6 libmvec.so.1 libresolv.so.2 libanl.so.1
  libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1      # empty since 2.34, still NEEDED by older binaries
)
readonly loader=ld-linux-x86-64.so.2

# Of Debian's patches: upstream's stable branch, and a bound that qsort lacked. The others are for other architectures,
# for Debian's directories, or for programs that are not kept here.
readonly debianPatches=(git-updates.diff any/local-qsort-memory-corruption.patch)

mkdir source debian build
tar --extract --file "$src" --directory source --strip-components=1 --no-same-owner
tar --extract --file "$debian" --directory debian --strip-components=2 --no-same-owner debian/patches
for patch in "${debianPatches[@]/#//build/debian/}" $patches; do
  patch --directory source --strip=1 --batch --forward --quiet --input "$patch"
done
# The archive has no manual; translations, time zones and what tests link with are no part of the outputs.
sed -i '/^all-subdirs = /,/[^\\]$/s/\<\(manual\|po\|support\|timezone\)\>//g' source/Makeconfig
# Of 253 character sets those of gconv-modules itself are built: Unicode's encodings and Latin 1 among them.
readonly characterSets=$(awk '$1 == "module" && !seen[$4]++ { printf "%s ", $4 }' source/iconvdata/gconv-modules)
sed -i "s/^modules\.so := /modules := $characterSets\n&/" source/iconvdata/Makefile

cd build
# sysconfdir holds ld.so.cache, ld.so.preload and localtime: the first two must be absent, the third is the host's.
printf '%s\n' 'localtime-file = /etc/localtime' 'zonedir = /usr/share/zoneinfo' >configparms
# Without -g, which is glibc's default: it would be stripped.
../source/configure CFLAGS='-O2 -ffile-prefix-map=/build=.' \
  --prefix="$out" --libdir="$out/lib" --sysconfdir="$out/etc" --localstatedir="$out/var" \
  --disable-nscd --disable-crypt --disable-werror --disable-timezone-tools \
  --enable-stack-protector=strong --enable-bind-now
make --silent -j"$CAB_CORES"
make --silent install install_root="$staging"

# ---- out ------------------------------------------------------------------------------------------------------------

mkdir -p "$out"/lib/{gconv,locale}
for library in "$loader" "${libraries[@]}"; do
  cp --dereference "$staging$out/lib/$library" "$out/lib"
done
for library in "${compilerLibraries[@]}"; do
  cp --dereference "/usr/lib/x86_64-linux-gnu/$library" "$out/lib"
done

cp "$staging$out"/lib/gconv/{gconv-modules,*.so} "$out/lib/gconv"

# localedef by its own loader and libraries: it reads the locale's sources and writes what this very libc reads.
I18NPATH=../source/localedata "elf/$loader" --library-path . locale/localedef \
  --no-archive --inputfile=C --charmap=UTF-8 "$out/lib/locale/C.utf8"

# ---- dev ------------------------------------------------------------------------------------------------------------

mkdir -p "$dev/lib" "$dev/usr"
cp -R "$staging$out/include" "$dev"
# The kernel's headers are the seed's: the compiler looks for them where libc's are.
for headers in asm-generic linux misc mtd rdma sound video xen x86_64-linux-gnu/asm; do
  cp -R "/usr/include/$headers" "$dev/include"
done
# Where a compiler that is told "the system's headers are below $dev" looks for them.
ln -s ../include "$dev/usr/include"

cp "$staging$out"/lib/*crt[1in].o "$staging$out"/lib/*.a "$dev/lib"
# Linker scripts, which name libraries of out and archives of dev.
for script in libc.so libm.so libm.a; do
  sed "s#$out/lib/\([^ ]*\.a\)#$dev/lib/\1#g" "$staging$out/lib/$script" >"$dev/lib/$script"
done
for library in libmvec.so.1 libresolv.so.2 libanl.so.1; do
  ln -s "$out/lib/$library" "$dev/lib/${library%.*}"
done

# ---- both -----------------------------------------------------------------------------------------------------------

chmod -R u+w "$out" "$dev"
# Debuggers set breakpoints at symbols of the loader.
strip --strip-debug --remove-section=.comment "$out/lib/$loader"
find "$out/lib" -name '*.so*' -type f ! -name "$loader" \
  -exec strip --strip-unneeded --remove-section=.comment {} +
find "$dev/lib" \( -name '*.o' -o -name '*.a' ! -name libm.a \) -type f \
  -exec strip --strip-debug --enable-deterministic-archives {} +

# Nothing may be looked for where another libc's files are.
if grep -rEal '/usr/lib|/lib64|/lib/x86_64|(^|[^[:print:]])/etc/ld\.so|nscd/socket' "$out"; then
  printf 'the files above name places of the host\n' >&2
  exit 1
fi
