import { debianSource, sh } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

/** Only libltdl, which loads modules at run time: the libtool script itself belongs to compilers, not to closures. */
export default autotools({
  name: "libtool",
  version: "2.4.7",
  source: ({ version }) => debianSource({ package: "libtool", file: `libtool_${version}.orig.tar.xz` }),
  // Else the compiler's own search path would be compiled in.
  configure: () => ["--enable-ltdl-install", "lt_cv_sys_dlsearch_path="],
  finish: sh`rm -rf "$out/bin" "$out/share"`,
  provides: { libs: ["ltdl"] },
});
