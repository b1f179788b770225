import { fromDebian } from "@cab/derivations/lib/from-debian.ts";
import libunwind8 from "./libunwind8.ts";

export default fromDebian({
  name: "strace",
  inputs: { libunwind8 },
  leaveOut: { "usr/bin/strace-log-merge": "a script, and its interpreter, for logs that are kept one to a process" },
  hostPaths: { "/bin/sh": "what -o runs for a log that goes to a pipe" },
  provides: { bins: ["strace"] },
});
