/** What verifying finds, each kind of damage by its file, what was expected and what was found. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseStorePath, type StorePath, sha256Hex } from "@cab/core";
import { describe, expect, test } from "vitest";
import type { Damage } from "./examine-object.ts";
import { OBJECT_TIME } from "./settle.ts";
import type { Store } from "./store.ts";
import { besides, flipByte } from "./testing/damage.ts";
import { admitted, dir, rightOf, temporaryStore } from "./testing/rig.ts";
import type { VerifyOptions } from "./verify.ts";

const verified = async (store: Store, options: Partial<VerifyOptions> = {}) =>
  rightOf(
    await store.verify({
      paths: undefined,
      contents: true,
      workers: 2,
      signal: new AbortController().signal,
      onDamage: () => {},
      onProgress: () => {},
      ...options,
    })(),
  );

const TREE = dir({ bin: dir({ run: { exec: "#!/bin/sh\n" } }), data: "some data", link: { link: "data" } });

async function sound(): Promise<{ store: Store; path: StorePath; file: (name: string) => string }> {
  const store = temporaryStore();
  const path = await admitted(store, "object-1", TREE);
  return { store, path, file: (name) => join(store.physical(path), name) };
}

test("a sound store has no damage, and each inode is read once", async () => {
  const { store, path } = await sound();
  await admitted(store, "file-1", "some data");
  await admitted(store, "link-1", { link: path }, [path]);
  await admitted(store, "exec-1", { exec: "some data" });
  expect(await verified(store)).toEqual({
    objects: 4,
    bytes: 2 * "some data".length + "#!/bin/sh\n".length,
    damages: [],
  });
  expect(await verified(store, { contents: false })).toEqual({ objects: 4, bytes: 0, damages: [] });
});

describe("damage", () => {
  const SUM = sha256Hex("some data");
  const flipped = sha256Hex(Buffer.concat([Buffer.from([0xff]), Buffer.from("ome data")]));

  const cases: readonly [string, (file: (name: string) => string) => void, Partial<Damage>[]][] = [
    [
      "a flipped byte, in the object and in the pool",
      (file) => flipByte(file("data")),
      [
        { file: "data", expected: `SHA-256 ${SUM}`, found: `SHA-256 ${flipped}` },
        { path: null, file: `store/.links/${SUM}`, expected: `SHA-256 ${SUM}`, found: `SHA-256 ${flipped}` },
      ],
    ],
    [
      "a file of another size",
      (file) => {
        besides(file("data"), () => rmSync(file("data")));
        besides(file("data"), () => writeFileSync(file("data"), "some", { mode: 0o444 }));
        utimesSync(file("data"), OBJECT_TIME, OBJECT_TIME);
      },
      [{ file: "data", expected: `9 bytes with SHA-256 ${SUM}`, found: "4 bytes" }],
    ],
    [
      "a missing file",
      (file) => besides(file("bin/run"), () => rmSync(file("bin/run"))),
      [{ file: "bin/run", expected: "a file", found: "nothing" }],
    ],
    [
      "a foreign file",
      (file) => besides(file("bin/new"), () => writeFileSync(file("bin/new"), "")),
      [{ file: "bin/new", expected: "nothing", found: "an entry that is not the object's" }],
    ],
    [
      "a mode",
      (file) => chmodSync(file("bin/run"), 0o755),
      [{ file: "bin/run", expected: "mode 0555", found: "mode 0755", kind: "mode" }],
    ],
    [
      "a time",
      (file) => utimesSync(file("bin"), 0, 0),
      [
        {
          file: "bin",
          expected: "time 1980-01-01T00:00:00.000Z",
          found: "time 1970-01-01T00:00:00.000Z",
          kind: "mode",
        },
      ],
    ],
    [
      "a directory in the place of a link",
      (file) =>
        besides(file("link"), () => {
          rmSync(file("link"));
          mkdirSync(file("link"));
        }),
      [{ file: "link", expected: "a symbolic link", found: "a directory" }],
    ],
    [
      "the whole object gone",
      (file) => {
        chmodSync(file("."), 0o755);
        chmodSync(file("bin"), 0o755);
        rmSync(file("."), { recursive: true });
      },
      [{ file: ".", expected: "a directory", found: "nothing" }],
    ],
  ];

  test.each(cases)("%s", async (_, damage, expected) => {
    const { store, path, file } = await sound();
    damage(file);
    const { damages } = await verified(store);
    const all = expected.map((one) => ({ path, kind: "content", ...one }));
    expect([...damages].sort((a, b) => (a.path === null ? 1 : 0) - (b.path === null ? 1 : 0))).toEqual(all);
  });

  test("a link's target", async () => {
    const store = temporaryStore();
    const path = await admitted(store, "link-1", { link: "there" });
    rmSync(store.physical(path));
    symlinkSync("elsewhere", store.physical(path));
    const { damages } = await verified(store, { contents: false });
    expect(damages.map(({ file, found }) => [file, found])).toContainEqual([".", "a link to elsewhere"]);
  });

  test("one file that two objects share is found in both, and in the pool", async () => {
    const { store, path, file } = await sound();
    const other = await admitted(store, "other-1", dir({ copy: "some data" }));
    flipByte(file("data"));
    const { damages } = await verified(store);
    expect(damages.map((damage) => `${damage.path ?? ""} ${damage.file}`).sort()).toEqual(
      [`${path} data`, `${other} copy`, ` store/.links/${SUM}`].sort(),
    );
  });

  test("only what was asked for is looked at", async () => {
    const { store, file } = await sound();
    const other = await admitted(store, "other-1", "other");
    flipByte(file("data"));
    expect(await verified(store, { paths: [other] })).toMatchObject({ objects: 1, damages: [] });
  });

  test("names in the store's folder that are nobody's", async () => {
    const { store } = await sound();
    writeFileSync(join(store.layout.store, "notes.txt"), "");
    expect((await verified(store)).damages).toMatchObject([
      { path: null, file: "store/notes.txt", expected: "nothing" },
    ]);
  });

  test("a file of the pool whose size is another", async () => {
    const { store } = await sound();
    const pooled = join(store.layout.links, sha256Hex("pooled"));
    writeFileSync(pooled, "pooled");
    truncateSync(pooled, 3);
    expect((await verified(store)).damages).toMatchObject([{ path: null, found: `SHA-256 ${sha256Hex("poo")}` }]);
  });
});

test("paths that are no objects of this store are not damaged: they are not there", async () => {
  const { store } = await sound();
  const path = rightOf(parseStorePath(`/cab/store/${"0".repeat(32)}-gone`));
  expect(await verified(store, { paths: [path] })).toMatchObject({ objects: 1, damages: [] });
});
