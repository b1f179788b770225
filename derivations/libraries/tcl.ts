import { debianSource, sh } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

/** What sqlite is put together with; its configuration script, which names the compiler, is left out. */
export default autotools({
  name: "tcl",
  version: "8.6.13",
  source: ({ version }) => debianSource({ package: "tcl8.6", file: `tcl8.6_${version}+dfsg.orig.tar.gz` }),
  prepare: sh`cd unix`,
  configure: ({ out }) => [`--mandir=${out}/share/man`],
  finish: sh`rm "$out"/lib/tcl*Config.sh`,
  provides: { bins: ["tclsh8.6"] },
});
