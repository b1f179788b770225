import { debianSource } from "@cab/core";
import { pythonPackage } from "../lib/python-package.ts";

export default pythonPackage({
  name: "pyasn1",
  version: "0.6.1",
  source: ({ version }) => debianSource({ suite: "trixie", package: "pyasn1", file: `pyasn1_${version}.orig.tar.gz` }),
  modules: ["pyasn1.codec.der.decoder"],
});
