/** One server that runs programs of both. */
import { local, sh } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";
import fork from "./rows-fork.ts";
import upstream from "./rows-upstream.ts";

export default serverRole({
  name: "both",
  packages: { fork, upstream },
  programs: ["fork", "upstream"],
  source: local(import.meta, "./rows"),
  install: sh`true`,
});
