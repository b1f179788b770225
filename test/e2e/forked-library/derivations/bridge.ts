/** A library that uses the fork, as it should. */
import { local } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";
import sqliteFork from "./sqlite-fork.ts";

export default make({
  name: "bridge",
  version: "1",
  source: local(import.meta, "./bridge"),
  inputs: { sqliteFork },
  outputs: [],
  make: () => ["libbridge.so"],
  install: ({ out }) => ["install-library", `PREFIX=${out}`],
  provides: { libs: ["bridge"] },
});
