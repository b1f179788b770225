/** Wrong, and no input of its own shows it: the bridge brings the fork into a program that was linked with upstream's. */
import { local } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";
import sqlite from "@cab/derivations/libraries/sqlite.ts";
import bridge from "./bridge.ts";

export default make({
  name: "bridge-confused",
  version: "1",
  source: local(import.meta, "./bridge"),
  inputs: { bridge, sqlite },
  outputs: [],
  make: () => ["bridge"],
  install: ({ out }) => ["install-program", `PREFIX=${out}`],
});
