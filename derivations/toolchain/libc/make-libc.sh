#!/bin/bash
# Makes the libc store object: the seed's C and C++ run-time libraries, with every path through which Debian's
# loader and libc would load code or data of the host closed. Input: the seed as `/`; output: $out/lib.
#
# It does not know how programs come to use the object (the compiler wrapper sets their loader and RUNPATH), and it
# holds nothing to compile with: headers, crt files and libc.so's linker script stay in the seed.
#
# Left alone on purpose: what belongs to the host's administrator (/etc/passwd, /etc/resolv.conf, /etc/localtime with
# its zone files), message catalogues (plain text, and not read in the C locale), and /bin/sh, which system() runs.
# There are no locales but C and the built-in C.UTF-8 and no gconv modules; programs that need more want a libc built
# from source.
set -euo pipefail
: "${out:?}"
export PATH=/usr/bin

readonly seedLib=/usr/lib/x86_64-linux-gnu
readonly loader=ld-linux-x86-64.so.2

# glibc, and what gcc and g++ link without being asked or for -fopenmp and C11 atomics.
readonly libraries=(
  libc.so.6 libm.so.6 libmvec.so.1 libresolv.so.2 libanl.so.1
  libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1      # empty since 2.34, still NEEDED by older binaries
  libgcc_s.so.1 libstdc++.so.6 libatomic.so.1 libgomp.so.1
)

mkdir -p "$out/lib"
for library in "$loader" "${libraries[@]}"; do
  cp --dereference "$seedLib/$library" "$out/lib/$library"
done
chmod u+w "$out/lib"/*

# closePaths FILE COUNT PATH [COUNT PATH]... : replaces PATH, a whole NUL-terminated string, by a path of the same
# length below /cab that cab never makes ("/lib/" becomes "/cab/" itself, which holds no library). Refuses if PATH
# does not stand in FILE exactly COUNT times: then it is another libc than the one whose strings were studied.
closePaths() {
  perl - "$@" <<'PERL'
    use strict; use warnings;
    my ($file, @wanted) = @ARGV;
    local $/; open my $in, '<:raw', $file or die "$file: $!\n"; my $bytes = <$in>; close $in;
    while (my ($count, $path) = splice @wanted, 0, 2) {
      my $slash = $path =~ m{/$} ? '/' : '';
      my $closed = '/cab/' . '-' x (length($path) - 5 - length $slash) . $slash;
      $closed = '/cab/' if length $path == 5;
      my $found = ($bytes =~ s/(?<![[:print:]])\Q$path\E(?=\0)/$closed/g) || 0;
      die "$file: \"$path\" found $found times, expected $count; study this libc before using it\n" if $found != $count;
    }
    open my $to, '>:raw', $file or die "$file: $!\n"; print $to $bytes; close $to or die "$file: $!\n";
PERL
}

# The default directories stand twice in the loader: as the list it searches and as the list it trusts.
closePaths "$out/lib/$loader" \
  1 /etc/ld.so.cache \
  1 /etc/ld.so.preload \
  2 /lib/x86_64-linux-gnu/ 2 /usr/lib/x86_64-linux-gnu/ 2 /lib/ 2 /usr/lib/

closePaths "$out/lib/libc.so.6" \
  1 /usr/lib/x86_64-linux-gnu/gconv \
  1 /usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache \
  1 /usr/lib/locale \
  1 /usr/lib/locale/locale-archive

# RUNPATH is not transitive, and libc dlopens libgcc_s itself (pthread_exit aborts without it): every library finds its
# neighbours by its own entry. Never the loader: patchelf breaks it. libc.so.6 is a program too, hence its interpreter.
for library in "${libraries[@]}"; do
  patchelf --set-rpath '$ORIGIN' "$out/lib/$library"
done
patchelf --set-interpreter "$out/lib/$loader" "$out/lib/libc.so.6"
