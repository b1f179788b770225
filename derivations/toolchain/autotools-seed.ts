/** The seed with autoconf, automake and libtool laid over it: for archives that come without a `configure` script. */
import { debianTree } from "../lib/debian-tree.ts";
import seed from "./seed.ts";

export default debianTree({
  name: "autotools-seed",
  base: seed,
  packages: ["autoconf", "automake", "autotools-dev", "libtool", "libltdl-dev"],
  // Of libltdl only the macros: nothing may compile or link with a library of the seed.
  exclude: ["usr/include", "usr/lib/x86_64-linux-gnu"],
  links: { "usr/bin/aclocal": "aclocal-1.16", "usr/bin/automake": "automake-1.16" },
});
