/** Databases that are gone, cut short, or something else: refused before lmdb would end the process, and made anew. */
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { ObjectInfo } from "@cab/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { examineDatabase, rebuildDatabase } from "./rebuild-database.ts";
import { openStore } from "./store.ts";
import { admitted, dir, leftOf, rightOf, temporaryStore } from "./testing/rig.ts";

/** Databases with a few flipped bytes that are looked at and made anew: each starts nine processes. */
const RUNS = Math.ceil(Number(process.env.CAB_FUZZ_RUNS ?? 0) / 10_000) + 5;

const OPTIONS = { signal: new AbortController().signal, onProgress: () => {} };

/** A store that nobody has open: objects that refer to each other. */
async function closedStore() {
  const store = temporaryStore();
  const input = await admitted(store, "input-1", dir({ data: "some data", deep: dir({ er: "more" }) }));
  const object = await admitted(store, "object-1", dir({ needs: input, copy: "some data" }), [input]);
  const infos = [input, object].map((path) => store.object(path) as ObjectInfo);
  await store.close();
  const { layout } = store;
  return { root: layout.root, file: join(layout.database, "data.mdb"), infos };
}

const withoutDeriver = (info: ObjectInfo | undefined) => (info === undefined ? undefined : { ...info, deriver: null });

/** All objects are in the new database; who made them only the old one knew. */
async function expectRebuilt(root: string, infos: readonly ObjectInfo[]): Promise<void> {
  const rebuilt = await rebuildDatabase(root, OPTIONS)();
  expect(rebuilt).toMatchObject({ _tag: "Right", right: { objects: infos.length, unproven: [] } });
  const store = rightOf(openStore({ root, builder: null }));
  expect(infos.map(({ path }) => withoutDeriver(store.object(path)))).toEqual(infos.map(withoutDeriver));
  expect(infos.map(({ path }) => store.referrers(path))).toEqual([[infos[1]?.path], []]);
  await store.close();
  expect(rightOf(await examineDatabase(root)())).toEqual([]);
}

const damaged = (key: string) => ({ _tag: "StoreDamaged", table: "database", key });

const write = (file: string, bytes: Uint8Array, at: number): void => {
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, bytes, 0, bytes.length, at);
  closeSync(descriptor);
};

const GONE = "data.mdb, which is gone";
const NONE = "data.mdb, whose first pages are none of a database";

describe("a database is not opened, and is made anew from the objects, if its file is", () => {
  test.each<[string, string, (file: string) => void]>([
    ["gone", GONE, (file) => rmSync(file)],
    ["gone with its directory", GONE, (file) => rmSync(join(file, ".."), { recursive: true })],
    ["empty", GONE, (file) => truncateSync(file)],
    ["another one", NONE, (file) => writeFileSync(file, "#!/bin/sh\n".repeat(10_000))],
    ["full of zeros", NONE, (file) => writeFileSync(file, Buffer.alloc(statSync(file).size))],
    ["cut within its first page", NONE, (file) => truncateSync(file, 100)],
    ["cut behind its first page", NONE, (file) => truncateSync(file, 4096)],
    ["one of another version", NONE, (file) => write(file, Buffer.from([9]), 28)],
  ])("%s", async (_, key, damage) => {
    const { root, file, infos } = await closedStore();
    damage(file);
    expect(leftOf(openStore({ root, builder: null }))).toEqual(damaged(key));
    expect(infos.map(({ path }) => existsSync(join(root, "store", path.slice("/cab/store/".length))))).toEqual([
      true,
      true,
    ]);
    await expectRebuilt(root, infos);
  });

  test("cut where rows are", async () => {
    const { root, file, infos } = await closedStore();
    const { size } = statSync(file);
    truncateSync(file, 3 * 4096);
    const key = `data.mdb, of which 12288 of ${size} bytes are left`;
    expect(leftOf(openStore({ root, builder: null }))).toEqual(damaged(key));
    expect(rightOf(await examineDatabase(root)()).length).toBeGreaterThan(0);
    await expectRebuilt(root, infos);
  });
});

test("a new store needs no database yet, and one without objects gets another", async () => {
  const store = temporaryStore();
  await store.close();
  rmSync(join(store.layout.database, "data.mdb"));
  const again = rightOf(openStore({ root: store.layout.root, builder: null }));
  expect(again.objects()).toEqual([]);
  await again.close();
});

test("wherever bytes are flipped, looking and making it anew ends in no other process's end", async () => {
  const { root, file, infos } = await closedStore();
  const whole = readFileSync(file);
  const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), {
    minLength: 1,
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(flips, async (places) => {
      const bytes = Buffer.from(whole);
      for (const [at, by] of places) bytes.writeUInt8(bytes.readUInt8(at) ^ by, at);
      writeFileSync(file, bytes);
      // Found or not: many bytes of a database mean nothing.
      expect(Array.isArray(rightOf(await examineDatabase(root)()))).toBe(true);
      await expectRebuilt(root, infos);
    }),
    { numRuns: RUNS },
  );
}, 3_600_000);
