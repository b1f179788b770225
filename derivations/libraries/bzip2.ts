import { debianSource, sh } from "@cab/core";
import { make } from "../lib/make.ts";

export default make({
  name: "bzip2",
  version: "1.0.8",
  source: ({ version }) => debianSource({ package: "bzip2", file: `bzip2_${version}.orig.tar.gz` }),
  make: () => ["--makefile=Makefile-libbz2_so"],
  install: ({ out }) => ["install", `PREFIX=${out}`],
  // The makefile that installs knows no shared library; its shell scripts ask for tools that a closure does not have.
  finish: sh`rm "$out"/bin/bz{cmp,diff,egrep,fgrep,grep,less,more}
cp bzip2-shared "$out/bin/bzip2"
ln -f "$out/bin/bzip2" "$out/bin/bunzip2"
ln -f "$out/bin/bzip2" "$out/bin/bzcat"
cp -P libbz2.so.1.0 libbz2.so.1.0.8 "$out/lib"
ln -s libbz2.so.1.0 "$out/lib/libbz2.so"`,
  provides: { bins: ["bzip2"], libs: ["bz2"] },
});
