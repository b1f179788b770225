import { debianSource } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

export default autotools({
  name: "libxcrypt",
  version: "4.4.33",
  source: ({ version }) => debianSource({ package: "libxcrypt", file: `libxcrypt_${version}.orig.tar.xz` }),
  autoreconf: true,
  // Functions that only binaries older than this library call.
  configure: () => ["--enable-obsolete-api=no"],
  provides: { libs: ["crypt"] },
});
