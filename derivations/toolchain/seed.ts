/** The seed: the pinned distribution binaries that the first toolchain is made of, and what is "/" to every builder. */
import { debianTree } from "../lib/debian-tree.ts";

export const GCC = "12";

const versioned = ["gcc", "g++", "cpp", "gcc-ar", "gcc-nm", "gcc-ranlib", "gcov"];

export default debianTree({
  name: "seed",
  packages: [
    // Tools.
    ...["bash", "coreutils", "sed", "grep", "gawk", "findutils", "diffutils", "tar", "gzip", "xz-utils", "bzip2"],
    ...["make", "patch", "file", "m4", "patchelf", "pkgconf", "pkgconf-bin", "perl", "perl-base", "perl-modules-5.36"],
    // Compilers. libcrypt-dev is left out on purpose: nothing may link the seed's libcrypt.
    ...[`gcc-${GCC}`, `g++-${GCC}`, `cpp-${GCC}`, "binutils", "binutils-common", "binutils-x86-64-linux-gnu"],
    ...["libc6", "libc6-dev", "libc-dev-bin", "linux-libc-dev", `libgcc-${GCC}-dev`, `libstdc++-${GCC}-dev`],
    // What those are linked against.
    ...["libacl1", "libatomic1", "libattr1", "libbinutils", "libbz2-1.0", "libcrypt1", "libctf0", "libctf-nobfd0"],
    ...["libdb5.3", "libgcc-s1", "libgdbm6", "libgdbm-compat4", "libgmp10", "libgomp1", "libisl23", "libjansson4"],
    ...["liblzma5", "libmagic1", "libmagic-mgc", "libmpc3", "libmpfr6", "libpcre2-8-0", "libperl5.36", "libpkgconf3"],
    ...["libquadmath0", "libreadline8", "libselinux1", "libsigsegv2", "libstdc++6", "libtinfo6", "libzstd1", "zlib1g"],
  ],
  exclude: [
    // Profilers whose libraries are not here, and what only a running system reads.
    ...["usr/bin/*gprofng", "usr/bin/*gp-*", "usr/bin/*lto-dump*", "usr/lib/x86_64-linux-gnu/gprofng", "usr/lib/mime"],
    ...["usr/share/gdb", "usr/share/gcc", "usr/share/bash-completion", "usr/share/applications", "usr/share/pixmaps"],
    ...["usr/share/doc-base", "usr/share/menu", "usr/share/icons", "usr/share/debianutils", "var"],
    ...[
      "etc/ld.so.conf.d",
      "etc/skel",
      "etc/profile.d",
      "etc/bash.bashrc",
      "etc/gprofng.rc",
      "etc/rmt",
      "etc/xattr.conf",
    ],
  ],
  links: {
    "usr/bin/sh": "bash",
    "usr/bin/awk": "gawk",
    "usr/bin/nawk": "gawk",
    "usr/bin/cc": "gcc",
    "usr/bin/c++": "g++",
    "usr/bin/lzma": "xz",
    "usr/bin/unlzma": "xz",
    "usr/bin/lzcat": "xzcat",
    ...Object.fromEntries(versioned.map((tool) => [`usr/bin/${tool}`, `${tool}-${GCC}`])),
  },
  files: {
    "etc/passwd": [
      "root:x:0:0:root:/:/bin/sh",
      "builder:x:30001:30000:builder:/homeless-shelter:/bin/sh",
      "nobody:x:65534:65534:nobody:/:/bin/sh",
      "",
    ].join("\n"),
    "etc/group": "root:x:0:\nbuilder:x:30000:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
  },
  // Where a sandbox mounts things: made here, since the tree is read-only by then.
  directories: ["build", "cab/store", "dev", "proc", "tmp"],
});
