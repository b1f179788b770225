import { debianSource } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

export default autotools({
  name: "xz",
  version: "5.4.1",
  source: ({ version }) => debianSource({ package: "xz-utils", file: `xz-utils_${version}.orig.tar.xz` }),
  configure: () => ["--disable-scripts", "--disable-doc", "--disable-nls"],
  provides: { bins: ["xz"], libs: ["lzma"] },
});
