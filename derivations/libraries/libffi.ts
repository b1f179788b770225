import { debianSource } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

export default autotools({
  name: "libffi",
  version: "3.4.4",
  source: ({ version }) => debianSource({ package: "libffi", file: `libffi_${version}.orig.tar.gz` }),
  // Else the library goes to the compiler's ../lib64.
  configure: () => ["--disable-multi-os-directory", "--disable-docs"],
  provides: { libs: ["ffi"] },
});
