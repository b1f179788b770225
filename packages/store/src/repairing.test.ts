/** Repair: from the store itself, by what is admitted anew, and of the database. */
import { chmodSync, existsSync, lstatSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  baseName,
  type DrvHash,
  fromHex,
  type ObjectInfo,
  type RealisationKey,
  type StorePath,
  scratchFile,
} from "@cab/core";
import { open } from "lmdb";
import { describe, expect, test } from "vitest";
import { openEnvironment, putSealed } from "./environment.ts";
import { examineDatabase, rebuildDatabase } from "./rebuild-database.ts";
import { putSchema } from "./schema.ts";
import { openStore, type Store } from "./store.ts";
import { besides, flipByte } from "./testing/damage.ts";
import { admitted, dir, readTree, rightOf, temporaryStore, writeTree } from "./testing/rig.ts";

const damagesOf = async (store: Store) => {
  const { signal } = new AbortController();
  const options = { paths: undefined, contents: true, workers: 1, signal, onDamage: () => {}, onProgress: () => {} };
  return rightOf(await store.verify(options)()).damages;
};

const TREE = dir({ bin: dir({ run: { exec: "#!/bin/sh\n" } }), data: "some data", link: { link: "data" } });

/** Two objects that share a file, one referring to the other. */
async function two(): Promise<{ store: Store; path: StorePath; other: StorePath; file: (name: string) => string }> {
  const store = temporaryStore();
  const path = await admitted(store, "object-1", TREE);
  const other = await admitted(store, "other-1", dir({ copy: "some data", needs: path }), [path]);
  return { store, path, other, file: (name) => join(store.physical(path), name) };
}

describe("an object is mended by the store itself", () => {
  test("where modes and times alone are wrong: in place", async () => {
    const { store, path, file } = await two();
    chmodSync(file("data"), 0o600);
    chmodSync(file("bin"), 0o700);
    const { ino } = lstatSync(file("."));
    const repairing = store.repairing(await damagesOf(store));
    expect(rightOf(await repairing.mend(path)())).toBe(true);
    expect([lstatSync(file(".")).ino, lstatSync(file("data")).mode & 0o777]).toEqual([ino, 0o444]);
    // The other object shares the file, and was named too.
    expect([...repairing.damaged]).toHaveLength(1);
    expect(await damagesOf(store)).toEqual([]);
  });

  test("where a file is missing or too many: from the pool, by a tree that takes its place", async () => {
    const { store, path, file } = await two();
    besides(file("data"), () => rmSync(file("data")));
    besides(file("bin/new"), () => writeFileSync(file("bin/new"), ""));
    const before = store.object(path);
    const repairing = store.repairing(await damagesOf(store));
    expect(rightOf(await repairing.mend(path)())).toBe(true);
    expect(readTree(store.physical(path))).toEqual(TREE);
    expect(store.object(path)).toEqual(before);
    expect(await damagesOf(store)).toEqual([]);
  });

  test("where the record of a directory is gone, but its bytes prove it", async () => {
    const { store: first, path } = await two();
    const digest = (first.object(path) as ObjectInfo).digest;
    await first.close();
    const env = open({ path: first.layout.database, encoding: "binary", overlappingSync: false });
    env
      .openDB<Buffer, Uint8Array>({ name: "directories", encoding: "binary", keyEncoding: "binary" })
      .removeSync(fromHex(digest) as Uint8Array);
    await env.close();
    const store = temporaryStore({ root: first.layout.root });
    const repairing = store.repairing(await damagesOf(store));
    expect([...repairing.damaged]).toEqual([path]);
    expect(rightOf(await repairing.mend(path)())).toBe(true);
    expect(store.directory(digest)).toBeDefined();
  });
});

test("what the store lacks comes from elsewhere and takes the damaged one's place, and the pool is healed with it", async () => {
  const { store, path, other, file } = await two();
  const before = [store.object(path), store.object(other)];
  flipByte(file("data"));
  const repairing = store.repairing(await damagesOf(store));
  expect([...repairing.damaged].sort()).toEqual([path, other].sort());
  rightOf(await repairing.dropPoolFiles());
  expect([rightOf(await repairing.mend(path)()), repairing.store.object(path)]).toEqual([false, undefined]);

  const scratch = rightOf(await store.openScratch("fetched")());
  const fetched = scratchFile(scratch, baseName(path));
  writeTree(fetched, TREE);
  rightOf(await repairing.store.admitObject(scratch, fetched, store.object(path) as ObjectInfo)());
  rightOf(await store.discardScratch(scratch)());
  expect(repairing.store.object(path)).toEqual(before[0]);

  // The other one needs nothing but the file that is in the pool by now.
  expect(rightOf(await repairing.mend(other)())).toBe(true);
  expect([...repairing.damaged]).toEqual([]);
  expect(lstatSync(join(store.physical(other), "copy")).ino).toBe(lstatSync(file("data")).ino);
  expect([store.object(path), store.object(other)]).toEqual(before);
  expect(await damagesOf(store)).toEqual([]);
});

test("bytes that are not the object's never take a damaged one's place", async () => {
  const { store, path, file } = await two();
  flipByte(file("data"));
  const repairing = store.repairing(await damagesOf(store));
  const scratch = rightOf(await store.openScratch("fetched")());
  const fetched = scratchFile(scratch, baseName(path));
  writeTree(fetched, dir({ data: "other data" }));
  const refused = await repairing.store.admitObject(scratch, fetched, store.object(path) as ObjectInfo)();
  expect(refused).toMatchObject({ _tag: "Left", left: { _tag: "SubstituteRejected" } });
  expect(repairing.damaged.has(path)).toBe(true);
});

describe("a database", () => {
  const OPTIONS = { signal: new AbortController().signal, onProgress: () => {} };

  /** Closed, since nobody may have the store open. */
  async function closed() {
    const { store, path, other, file } = await two();
    const infos = [path, other].map((each) => store.object(each) as ObjectInfo);
    await store.close();
    return { root: store.layout.root, layout: store.layout, path, other, file, infos };
  }

  test("that is sound has no damaged rows, and is rebuilt as it was", async () => {
    const { root, infos, path } = await closed();
    expect(rightOf(await examineDatabase(root)())).toEqual([]);
    const rebuilt = rightOf(await rebuildDatabase(root, OPTIONS)());
    expect(rebuilt).toMatchObject({ objects: 2, unproven: [], aside: join(root, "var/db-damaged-1") });
    const store = rightOf(openStore({ root, builder: null }));
    expect(infos.map(({ path }) => store.object(path))).toEqual(infos);
    expect(store.referrers(path)).toEqual([infos[1]?.path]);
    expect(store.realisation(`drv:${infos[0]?.deriver}:out` as RealisationKey)).toBe(path);
    expect(store.derivation(infos[0]?.deriver as DrvHash)?.name).toBe("object-1");
    expect(await damagesOf(store)).toEqual([]);
    await store.close();
  });

  test("whose record of an object is damaged, or lacks a referrer, says which", async () => {
    const { root, layout, path, other } = await closed();
    const env = open({ path: layout.database, encoding: "binary", overlappingSync: false });
    const objects = env.openDB<Buffer, string>({ name: "objects", encoding: "binary" });
    const record = Buffer.from(objects.get(baseName(path)) as Buffer);
    record.writeUInt8(record.readUInt8(10) ^ 1, 10);
    objects.putSync(baseName(path), record);
    env.openDB({ name: "referrers" }).removeSync(`${baseName(path)} ${baseName(other)}`);
    await env.close();
    const rows = rightOf(await examineDatabase(root)());
    expect(rows).toEqual([baseName(path), baseName(other)].sort().map((key) => ({ table: "objects", key })));
    rightOf(await rebuildDatabase(root, OPTIONS)());
    expect(rightOf(await examineDatabase(root)())).toEqual([]);
  });

  test("of another version is judged by its checksums, and only what proves itself is taken from it", async () => {
    const { root, layout, infos } = await closed();
    const environment = openEnvironment(layout.database);
    environment.writing(() => {
      putSchema(environment.table("meta"), 99);
      putSealed(environment.table("objects"), "objects", "of a layout that is not ours", Buffer.from("x"));
      environment.table("buildTimes").putSync("damaged", Buffer.from("no checksum"));
    });
    await environment.env.close();
    expect(rightOf(await examineDatabase(root)())).toEqual([{ table: "buildTimes", key: "damaged" }]);
    const rebuilt = rightOf(await rebuildDatabase(root, OPTIONS)());
    // The derivations, whose keys are their hashes.
    expect(rebuilt).toMatchObject({ objects: 2, salvaged: 2 });
    const store = rightOf(openStore({ root, builder: null }));
    expect(infos.map(({ path }) => store.object(path))).toEqual(infos.map((info) => ({ ...info, deriver: null })));
    expect(store.buildSeconds("object-1")).toBeUndefined();
    await store.close();
  });

  test("whose pages are damaged ends nobody but the process that looks at it, and is rebuilt from the objects", async () => {
    const { root, layout, infos } = await closed();
    const file = join(layout.database, "data.mdb");
    const bytes = readFileSync(file);
    // All but the two meta pages.
    bytes.fill(0xa5, 2 * 4096);
    writeFileSync(file, bytes);
    expect(rightOf(await examineDatabase(root)()).length).toBeGreaterThan(0);
    const rebuilt = rightOf(await rebuildDatabase(root, OPTIONS)());
    expect(rebuilt).toMatchObject({ objects: 2, unproven: [], salvaged: 0 });
    const store = rightOf(openStore({ root, builder: null }));
    expect(infos.map(({ path }) => store.object(path))).toEqual(infos.map((info) => ({ ...info, deriver: null })));
    await store.close();
  });

  test("takes in nothing that its name does not prove, nor what refers to it", async () => {
    const { root, path, other, file } = await closed();
    flipByte(file("data"));
    const rebuilt = rightOf(await rebuildDatabase(root, OPTIONS)());
    expect([rebuilt.objects, [...rebuilt.unproven].sort()]).toEqual([0, [path, other].sort()]);
  });

  test("is not replaced while another process works on it", async () => {
    const { store } = await two();
    const refused = await rebuildDatabase(store.layout.root, OPTIONS)();
    expect(refused).toMatchObject({ _tag: "Left", left: { _tag: "StoreUnusable" } });
    expect(existsSync(`${store.layout.database}-damaged-1`)).toBe(false);
  });
});
