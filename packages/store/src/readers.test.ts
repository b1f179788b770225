/** Who may read a store and not write to it: what he sees, what he is refused, and that he leaves no trace. */
import { chmodSync, chownSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { RealisationKey, StorePath } from "@cab/core";
import type { Either } from "fp-ts/lib/Either.js";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "./database.ts";
import { layoutOf } from "./layout.ts";
import { examineDatabase, rebuildDatabase } from "./rebuild-database.ts";
import { copyDatabase } from "./snapshot.ts";
import { openStore, type Store } from "./store.ts";
import { startChild } from "./testing/processes.ts";
import { admitted, dir, leftOf, rightOf, temporaryDirectory, temporaryStore } from "./testing/rig.ts";

const isRoot = process.geteuid?.() === 0;
const OTHER_USER = 54_321;

/** To root, whom no mode keeps from anything, a store of another user's; to others one that they may not write to. */
function makeForeign({ layout }: Store): void {
  const file = join(layout.database, "data.mdb");
  if (isRoot) chownSync(file, OTHER_USER, OTHER_USER);
  else chmodSync(file, 0o444);
}

function asReader(store: Store): Store {
  makeForeign(store);
  const reader = rightOf(openStore({ root: store.layout.root, builder: null }));
  onTestFinished(() => reader.close());
  return reader;
}

/** Names below the store's root with the times of their last change, but for what a writer's own database does. */
const traces = (root: string): string[] =>
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((name) => `${name} ${lstatSync(join(root, name)).ctimeMs}`)
    .sort();

const KEY = `drv:${"a".repeat(64)}:out` as RealisationKey;

test("everything is looked up as it was when the store was opened, and nothing is left behind", async () => {
  const store = temporaryStore();
  const [path, other] = [await admitted(store, "a-1", dir({ data: "some" })), await admitted(store, "b-1", "x")];
  rightOf(await store.record([{ key: KEY, path }])());
  const reader = asReader(store);
  const before = traces(store.layout.root);
  expect(reader.objects()).toEqual(store.objects());
  expect([reader.object(path), reader.realisation(KEY)]).toEqual([store.object(path), path]);
  const missing = path.replace("-a-1", "-c-1") as StorePath;
  expect(rightOf(await reader.keep([path, missing])())).toEqual([missing]);
  const verified = await reader.verify({
    paths: undefined,
    contents: true,
    workers: 1,
    signal: new AbortController().signal,
    onDamage: () => {},
    onProgress: () => {},
  })();
  expect(rightOf(verified).damages).toEqual([]);
  expect(traces(store.layout.root)).toEqual(before);
  rightOf(await store.record([{ key: KEY, path: other }])());
  expect(reader.realisation(KEY)).toBe(path);
});

test("whatever would write is refused, with the owner", async () => {
  const store = temporaryStore();
  const path = await admitted(store, "a-1", "x");
  const reader = asReader(store);
  const before = traces(store.layout.root);
  const signal = new AbortController().signal;
  const refusals = [
    await reader.record([])(),
    await reader.claim("a".repeat(64) as never)(),
    await reader.openScratch("x")(),
    await reader.roots()(),
    await reader.addRoot(path, undefined)(),
    await reader.removeRoot("x")(),
    await reader.collect({ dryRun: true, generations: undefined, now: 0, signal, onProgress: () => {} })(),
    await reader.importFrom(Readable.from([]), {
      signal,
      trustRealisations: false,
      onHeader: () => {},
      onObject: () => {},
    })(),
  ].map((result) => leftOf(result as Either<unknown, unknown>));
  const owner = isRoot ? OTHER_USER : process.geteuid?.();
  const refusal = { _tag: "StoreReadOnly", root: store.layout.root, owner };
  expect(refusals).toEqual(refusals.map(() => refusal));
  expect(traces(store.layout.root)).toEqual(before);
});

test("a database is rebuilt by its owner alone", async () => {
  const store = temporaryStore();
  makeForeign(store);
  const { root } = store.layout;
  const rebuilt = await rebuildDatabase(root, { signal: new AbortController().signal, onProgress: () => {} })();
  expect(leftOf(rebuilt)._tag).toBe("StoreReadOnly");
  expect(rightOf(await examineDatabase(root)())).toEqual([]);
});

test("an older store is upgraded by its owner alone", async () => {
  const store = temporaryStore();
  makeForeign(store);
  const { root } = store.layout;
  expect(leftOf(openStore({ root, builder: null, migrations: [() => {}] }))).toEqual({
    _tag: "StoreOutdated",
    root,
    found: 1,
    supported: 2,
    readOnly: true,
  });
});

const copies = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("cab-database-"));

test("a copy that a commit may have spoilt is made again, and given up in the end", async () => {
  const store = temporaryStore();
  const { database } = store.layout;
  const path = await admitted(store, "a-1", "x");
  let commits = 0;
  const commit = async (): Promise<void> =>
    void (await store.record([{ key: `${KEY}${commits++}` as RealisationKey, path }])());
  const copy = copyDatabase(database, { onCopied: () => void (commits < 3 && commit()) });
  const copied = openDatabase({ root: "/root", directory: copy });
  expect([0, 1, 2].map((n) => copied.realisation(`${KEY}${n}` as RealisationKey))).toEqual([path, path, path]);
  await copied.close();
  rmSync(copy, { recursive: true });
  const before = copies();
  expect(() => copyDatabase(database, { onCopied: () => void commit() })).toThrow("StoreUnusable");
  expect(copies()).toEqual(before);
});

test("every copy beside processes that write and collect is whole", async () => {
  const root = temporaryDirectory();
  const collecting = startChild([root, "collectRounds"]);
  expect(await collecting.said()).toBe("begins");
  const building = startChild([root, "realise", "20"]);
  const done = building.said();
  let ended = false;
  void done.then(() => (ended = true));
  const broken: StorePath[] = [];
  let transactions = new Set<number>();
  while (!ended) {
    const copy = copyDatabase(layoutOf(root).database);
    const database = openDatabase({ root, directory: copy });
    transactions = transactions.add(database.tables.lastTransaction());
    for (const path of database.objects()) {
      for (const reference of database.object(path)?.references ?? []) {
        if (database.object(reference) === undefined) broken.push(path);
      }
    }
    await database.close();
    rmSync(copy, { recursive: true });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await done).toMatchObject({ missing: [] });
  expect([broken, transactions.size > 3]).toEqual([[], true]);
  collecting.tell("stop\n");
  expect(await collecting.said()).toMatchObject({ broken: [] });
});
