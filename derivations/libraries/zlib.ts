import { debianSource } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

export default autotools({
  name: "zlib",
  version: "1.2.13",
  source: ({ version }) => debianSource({ package: "zlib", file: `zlib_${version}.dfsg.orig.tar.bz2` }),
  configure: () => ["--shared"],
  provides: { libs: ["z"] },
});
