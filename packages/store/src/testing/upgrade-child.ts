/**
 * A process that upgrades a store by the tests' migrations: `upgrade-child.ts <root> <kill behind this row>`, 0: behind
 * none. Says what it did on one line.
 */
import type { Migration } from "../migrations/index.ts";
import { upgradeStore } from "../upgrade.ts";
import { inMilliseconds, renamed } from "./migrations.ts";

const [root = "", killBehind = "0"] = process.argv.slice(2);
let written = 0;

const counted =
  (migration: Migration): Migration =>
  (tables) =>
    migration({
      ...tables,
      put: (...row) => {
        tables.put(...row);
        if (++written === Number(killBehind)) process.kill(process.pid, "SIGKILL");
      },
    });

const result = await upgradeStore(root, [inMilliseconds, renamed].map(counted))();
process.stdout.write(`${JSON.stringify(result)}\n`);
