import { debianSource, sh } from "@cab/core";
import { cmake } from "../lib/cmake.ts";

export default cmake({
  name: "expat",
  version: "2.5.0",
  source: ({ version }) => debianSource({ package: "expat", file: `expat_${version}.orig.tar.gz` }),
  prepare: sh`cd expat`,
  configure: () => ["-DEXPAT_BUILD_DOCS=OFF", "-DEXPAT_BUILD_EXAMPLES=OFF", "-DEXPAT_BUILD_TESTS=OFF"],
  provides: { bins: ["xmlwf"], libs: ["expat"] },
});
