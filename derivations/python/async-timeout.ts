import { debianSource } from "@cab/core";
import { pythonPackage } from "../lib/python-package.ts";

export default pythonPackage({
  name: "async-timeout",
  version: "5.0.1",
  source: ({ version }) =>
    debianSource({
      suite: "trixie",
      package: "python-async-timeout",
      file: `python-async-timeout_${version}.orig.tar.gz`,
    }),
  modules: ["async_timeout"],
});
