/** Debian packages that the tests of the sandbox are run with: bookworm, main suite, amd64, as its Packages index pins them. */
export interface Pin {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export const SANDBOX_PACKAGES: readonly Pin[] = [
  {
    path: "pool/main/b/bubblewrap/bubblewrap_0.8.0-2+deb12u1_amd64.deb",
    size: 47320,
    sha256: "3cc9134a3286ad01a323dcd924ba123eb634cefaeec82d774257e06308aeaadb",
  },
  {
    path: "pool/main/libc/libcap2/libcap2_2.66-4+deb12u3+b1_amd64.deb",
    size: 27708,
    sha256: "8d684c673e7483802a5c447834b0df6fce006eb3a7109e1be412f5ad425bb24f",
  },
  {
    path: "pool/main/libs/libselinux/libselinux1_3.4-1+b6_amd64.deb",
    size: 73720,
    sha256: "2b07f5287b9105f40158b56e4d70cc1652dac56a408f3507b4ab3d061eed425f",
  },
  {
    path: "pool/main/p/pcre2/libpcre2-8-0_10.42-1_amd64.deb",
    size: 260776,
    sha256: "030db54f4d76cdfe2bf0e8eb5f9efea0233ab3c7aa942d672c7b63b52dbaf935",
  },
  {
    path: "pool/main/g/glibc/libc6_2.36-9+deb12u14_amd64.deb",
    size: 2759320,
    sha256: "ba4f88f73dbc3ae9055f3c20f4523bfdbaf1ad13ff95e258924f77d20b4fbedf",
  },
  {
    path: "pool/main/c/coreutils/coreutils_9.1-1_amd64.deb",
    size: 2896560,
    sha256: "61038f857e346e8500adf53a2a0a20859f4d3a3b51570cc876b153a2d51a3091",
  },
  {
    path: "pool/main/a/acl/libacl1_2.3.1-3_amd64.deb",
    size: 31488,
    sha256: "8be9df5795114bfe90e2be3d208ef47a5edd3fc7b3e20d387a597486d444e5e2",
  },
  {
    path: "pool/main/a/attr/libattr1_2.5.1-4_amd64.deb",
    size: 22164,
    sha256: "c4945123d66d0503ba42e2fc0585abc76d0838978c6d277b9cc37a4da25d1a34",
  },
  {
    path: "pool/main/g/gmp/libgmp10_6.2.1+dfsg1-1.1_amd64.deb",
    size: 562588,
    sha256: "187aedef2ed763f425c1e523753b9719677633c7eede660401739e9c893482bd",
  },
  {
    path: "pool/main/u/util-linux/util-linux_2.38.1-5+deb12u3_amd64.deb",
    size: 1177276,
    sha256: "8eb241ff24b2e1ee9c0373f4fc9bc728b85bf5966c1496154df7da01c0e42f34",
  },
  {
    path: "pool/main/u/util-linux/libsmartcols1_2.38.1-5+deb12u3_amd64.deb",
    size: 106776,
    sha256: "84088c6895fc07538fc51624899f3f71835188e0d38ebc3812097ac13da523b0",
  },
  {
    path: "pool/main/b/bash/bash_5.2.15-2+b13_amd64.deb",
    size: 1490652,
    sha256: "82130bb6a560cd2a7234d8018baf73f188f5dd56413d5aa0accc987b2197a6a1",
  },
  {
    path: "pool/main/n/ncurses/libtinfo6_6.4-4_amd64.deb",
    size: 331352,
    sha256: "072d908f38f51090ca28ca5afa3b46b2957dc61fe35094c0b851426859a49a51",
  },
  {
    path: "pool/main/libc/libcap-ng/libcap-ng0_0.8.3-1+b3_amd64.deb",
    size: 17068,
    sha256: "b4b54769c77e4a71c8b33aee4d600ba28a9994a1c6f60d55d4ebe7fc44882e07",
  },
];
