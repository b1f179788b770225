/** Upgrading by migrations that only these tests know: whole or not at all, whoever else is there, whenever it is killed. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "./database.ts";
import { openEnvironment } from "./environment.ts";
import { layoutOf } from "./layout.ts";
import type { Migration } from "./migrations/index.ts";
import { openStore, type Store } from "./store.ts";
import { inMilliseconds, renamed } from "./testing/migrations.ts";
import { startChild } from "./testing/processes.ts";
import { leftOf, rightOf, temporaryDirectory } from "./testing/rig.ts";
import { upgradeStore } from "./upgrade.ts";

const BOTH = [inMilliseconds, renamed];

function opened(root: string, migrations: readonly Migration[] = []): Store {
  const store = rightOf(openStore({ root, builder: null, migrations }));
  onTestFinished(() => store.close());
  return store;
}

/** A store of version 1 that knows how long three things took. */
async function olderStore(): Promise<string> {
  const root = temporaryDirectory();
  await opened(root).close();
  const database = openDatabase({ root, directory: layoutOf(root).database, migrations: [] });
  database.write((writer) => {
    for (const [i, name] of ["a", "b", "c"].entries()) writer.buildSeconds(name, i + 1);
  });
  await database.close();
  return root;
}

const times = (store: Store, ...names: string[]): (number | undefined)[] => names.map(store.buildSeconds);

/** Nothing has happened to it. */
async function expectOlder(root: string): Promise<void> {
  const store = opened(root);
  expect(times(store, "a", "b", "c", "time of a")).toEqual([1, 2, 3, undefined]);
  await store.close();
}

test("an older store is not opened before it is upgraded, by all migrations in their order", async () => {
  const root = await olderStore();
  const outdated = { _tag: "StoreOutdated", root, found: 1, supported: 3, readOnly: false };
  expect(leftOf(openStore({ root, builder: null, migrations: BOTH }))).toEqual(outdated);
  expect(rightOf(await upgradeStore(root, BOTH)())).toEqual({ from: 1, to: 3 });
  expect(times(opened(root, BOTH), "time of a", "time of b", "time of c", "a")).toEqual([1000, 2000, 3000, undefined]);
});

test("what was upgraded before goes on from there", async () => {
  const root = await olderStore();
  expect(rightOf(await upgradeStore(root, [inMilliseconds])())).toEqual({ from: 1, to: 2 });
  expect(rightOf(await upgradeStore(root, BOTH)())).toEqual({ from: 2, to: 3 });
  expect(rightOf(await upgradeStore(root, BOTH)())).toBeUndefined();
  expect(times(opened(root, BOTH), "time of c")).toEqual([3000]);
});

test("a new store has the newest version at once", () => {
  const root = temporaryDirectory();
  opened(root, BOTH);
  expect(leftOf(openStore({ root, builder: null, migrations: [] }))).toEqual({
    _tag: "StoreTooNew",
    root,
    found: 3,
    supported: 1,
  });
});

test("a migration that fails leaves everything as it was, that before it included", async () => {
  const root = await olderStore();
  const failing: Migration = ({ put }) => {
    put("buildTimes", "a", Buffer.from("7"));
    throw new Error("it cannot");
  };
  await expect(upgradeStore(root, [inMilliseconds, failing])()).rejects.toThrow("it cannot");
  await expectOlder(root);
});

test("a damaged row is not taken along as if it were sound", async () => {
  const root = await olderStore();
  const environment = openEnvironment(layoutOf(root).database);
  environment.writing(() => environment.table("buildTimes").putSync("b", Buffer.from("no checksum")));
  await environment.env.close();
  const damaged = { _tag: "StoreDamaged", table: "buildTimes", key: "b" };
  expect(leftOf(await upgradeStore(root, BOTH)())).toEqual(damaged);
  expect(times(opened(root), "a")).toEqual([1]);
});

test("a cab of the older version that has the store open writes nothing any more, and says why", async () => {
  const root = await olderStore();
  const older = opened(root);
  expect(times(older, "a")).toEqual([1]);
  expect(rightOf(await upgradeStore(root, BOTH)())).toEqual({ from: 1, to: 3 });
  const tooNew = { _tag: "StoreTooNew", root, found: 3, supported: 1 };
  expect(leftOf(await older.record([])())).toEqual(tooNew);
  expect(leftOf(await older.claim("a".repeat(64) as never)())).toEqual(tooNew);
});

test("a cab of the older version that is at work is not robbed of it", async () => {
  const root = await olderStore();
  const worker = { pid: 4711, words: ["realise", "web"] };
  const building = rightOf(openStore({ root, builder: null, migrations: [], worker }));
  rightOf(await building.openScratch("it")());
  expect(leftOf(await upgradeStore(root, BOTH)())).toEqual({
    _tag: "StoreUnusable",
    root,
    reason:
      "it has format 1 and this cab needs 3, to which it is not brought while an older cab works on it: process 4711 (cab realise web)",
    remedy: "wait until that has ended, or stop it; then run the command again",
  });
  await building.close();
  await expectOlder(root);
  const killed = startChild([root, "scratch"]);
  await killed.said();
  await killed.kill();
  expect(rightOf(await upgradeStore(root, BOTH)())).toEqual({ from: 1, to: 3 });
});

const CHILD = fileURLToPath(new URL("testing/upgrade-child.ts", import.meta.url));

async function upgradeElsewhere(root: string, killBehind = 0): Promise<unknown> {
  const child = spawn(process.execPath, ["--no-warnings", CHILD, root, String(killBehind)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const how = await new Promise((resolve) => child.once("close", (code, signal) => resolve(signal ?? code)));
  return how === 0 ? JSON.parse(said) : how;
}

test("killed behind any row, it has changed nothing; the next one finishes", async () => {
  const root = await olderStore();
  for (const row of [1, 3, 4, 6]) {
    expect(await upgradeElsewhere(root, row)).toBe("SIGKILL");
    await expectOlder(root);
  }
  expect(await upgradeElsewhere(root)).toEqual({ _tag: "Right", right: { from: 1, to: 3 } });
  expect(times(opened(root, BOTH), "time of a", "time of b", "time of c")).toEqual([1000, 2000, 3000]);
});

test("of several processes at once one upgrades, and the others find it done", async () => {
  const root = await olderStore();
  const results = await Promise.all([1, 2, 3].map(() => upgradeElsewhere(root)));
  expect(results.map((result) => JSON.stringify(result)).sort()).toEqual([
    ...['{"_tag":"Right","right":{"from":1,"to":3}}', '{"_tag":"Right"}', '{"_tag":"Right"}'],
  ]);
  expect(times(opened(root, BOTH), "time of a")).toEqual([1000]);
});
