/** The program that is recorded: `operate.ts <operation> <folder> <given, as JSON>`. Reports on standard output, a line each time. */
import { writeSync } from "node:fs";
import { type OperationName, operations, UMASK } from "./operations.ts";

process.umask(UMASK);
const [name = "", folder = "", given = ""] = process.argv.slice(2);
// What a store waits for keeps nobody alive by itself.
const alive = setInterval(() => {}, 2 ** 30);
await operations[name as OperationName].run(folder, JSON.parse(given), (said) => {
  writeSync(1, `${JSON.stringify(said)}\n`);
});
clearInterval(alive);
