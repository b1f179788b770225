/**
 * What a user waits for when nothing is to be done: `cab realise NAME` of what is up to date, beside Node that does
 * nothing and `cab --version`. Builds NAME (default: ldap-server) first if it is not there.
 *
 *     node test/bench/start.ts [NAME]
 */
import { cab, measure, NODE, realised, report, run } from "./support.ts";

const name = process.argv[2] ?? "ldap-server";
await realised(name);

const timings = await measure({ rounds: 40, warmUp: 3 }, [
  { name: "node -e 0", run: async () => void (await run(NODE, ["-e", "0"])) },
  { name: "cab --version", run: async () => void (await cab(["--version"])) },
  { name: `cab realise ${name}`, run: async () => void (await cab(["realise", name])) },
]);
report("whole processes", timings);
