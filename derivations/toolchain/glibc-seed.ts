/** The seed with what only glibc's build needs laid over it: bison, and python for the scripts that make its headers. */
import { debianTree } from "../lib/debian-tree.ts";
import seed from "./seed.ts";

export default debianTree({
  name: "glibc-seed",
  base: seed,
  packages: ["bison", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libexpat1"],
  links: { "usr/bin/python3": "python3.11" },
});
