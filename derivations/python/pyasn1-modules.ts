import { debianSource } from "@cab/core";
import { pythonPackage } from "../lib/python-package.ts";
import pyasn1 from "./pyasn1.ts";

export default pythonPackage({
  name: "pyasn1-modules",
  version: "0.4.1",
  source: ({ version }) =>
    debianSource({
      suite: "trixie",
      package: "python-pyasn1-modules",
      file: `python-pyasn1-modules_${version}.orig.tar.xz`,
    }),
  inputs: { pyasn1 },
  modules: ["pyasn1_modules.rfc2251"],
});
