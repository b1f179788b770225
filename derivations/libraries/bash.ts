import { debianSource, sh } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

export default autotools({
  name: "bash",
  version: "5.2.15",
  source: ({ version }) => debianSource({ package: "bash", file: `bash_${version}.orig.tar.gz` }),
  configure: () => ["--without-bash-malloc", "--disable-nls"],
  // A script that mails bug reports, and what loadable builtins are compiled with: it names the compiler.
  finish: sh`rm "$out/bin/bashbug" "$out/lib/bash/Makefile.inc"
ln -s bash "$out/bin/sh"`,
  provides: { bins: ["bash", "sh"] },
});
