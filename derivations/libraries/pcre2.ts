import { debianSource } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

export default autotools({
  name: "pcre2",
  version: "10.42",
  source: ({ version }) => debianSource({ package: "pcre2", file: `pcre2_${version}.orig.tar.gz` }),
  configure: () => ["--enable-jit", "--enable-pcre2-16", "--enable-pcre2-32"],
  provides: { bins: ["pcre2grep"], libs: ["pcre2-8", "pcre2-16", "pcre2-32", "pcre2-posix"] },
});
