/**
 * Brings the database of an older cab to this one's version: all migrations in one transaction, so that a process that is
 * killed, a full disk or a migration that fails leaves the older version as it was. Knows the order of the steps; what a
 * migration changes stands in `migrations/`.
 *
 * An older cab that is building would lose its work: its next transaction finds the newer version and refuses. So whoever
 * is announced is waited for, by asking the user. Who has announced nothing writes nothing that took time to make.
 */
import { resolve } from "node:path";
import type { StoreFailure, Worker } from "@cab/core";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { type Environment, openEnvironment, putSealed } from "./environment.ts";
import { attempt, StoreException } from "./failure.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { MIGRATIONS, type MigratedTables, type Migration } from "./migrations/index.ts";
import { announcedProcesses, forgetDead, workerOf } from "./process-socket.ts";
import { putSchema, schemaOf, schemaVersion } from "./schema.ts";
import { isSealed, openValue } from "./sealed-value.ts";

export interface Upgraded {
  readonly from: number;
  readonly to: number;
}

/** Undefined if there is nothing to do any more: another process was faster. */
export const upgradeStore = (
  root: string,
  migrations: readonly Migration[] = MIGRATIONS,
): TaskEither<StoreFailure, Upgraded | undefined> => {
  const layout = layoutOf(resolve(root));
  return attempt("upgrade the database", layout.database, async () => {
    const environment = openEnvironment(layout.database);
    try {
      if (environment.isCopy) throw new Error("BUG: who may only read it upgrades a store");
      return await upgrade(layout, environment, migrations);
    } finally {
      await environment.env.close();
    }
  });
};

async function upgrade(
  layout: Layout,
  environment: Environment,
  migrations: readonly Migration[],
): Promise<Upgraded | undefined> {
  const meta = environment.table("meta");
  const to = schemaVersion(migrations);
  const version = (): number => schemaOf(environment, meta) ?? to;
  await forgetDead(layout);
  const working = announcedProcesses(layout).map((id) => workerOf(layout, id));
  return environment.writing(() => {
    const from = version();
    // Who works may be a cab of this version, which has upgraded while we looked.
    if (from >= to) return undefined;
    if (working.length > 0) throw new StoreException(inUse(layout, { from, to }, working));
    const tables = migratedTables(environment);
    for (const migration of migrations.slice(from - 1)) migration(tables);
    putSchema(meta, to);
    return { from, to };
  });
}

function inUse({ root }: Layout, { from, to }: Upgraded, working: readonly (Worker | undefined)[]): StoreFailure {
  const who = working.map((worker) =>
    worker === undefined ? "a cab" : `process ${worker.pid} (cab ${worker.words.join(" ")})`,
  );
  return {
    _tag: "StoreUnusable",
    root,
    reason: `it has format ${from} and this cab needs ${to}, to which it is not brought while an older cab works on it: ${who.join(", ")}`,
    remedy: "wait until that has ended, or stop it; then run the command again",
  };
}

function migratedTables({ table, reading }: Environment): MigratedTables {
  const unsealed = (name: string, key: string, value: Buffer): Buffer => {
    const payload = isSealed(name) ? openValue(name, key, value) : value;
    if (payload === undefined) throw new StoreException({ _tag: "StoreDamaged", table: name, key });
    return Buffer.from(payload);
  };
  return {
    rows: (name) =>
      reading(() => [...table(name).getRange()].map(({ key, value }) => [key, unsealed(name, key, value)] as const)),
    put: (name, key, value) => {
      if (isSealed(name)) putSealed(table(name), name, key, value);
      else table(name).putSync(key, Buffer.from(value));
    },
    remove: (name, key) => void table(name).removeSync(key),
  };
}
