import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StorePath, sha256Hex } from "@cab/core";
import { describe, expect, test } from "vitest";
import { admitBuilt, admitted, derivation, dir, outputFile, rightOf, self, temporaryStore } from "./testing/rig.ts";

/** By statfs(2): 65,000 links to a file. */
const EXT4 = 0xef53;

describe("the pool", () => {
  test("gives equal files one inode, within a tree and between objects", async () => {
    const store = temporaryStore();
    const tree = dir({ a: "same", b: "same", x: { exec: "same" } });
    const first = store.physical(await admitted(store, "pool-1", tree));
    const second = store.physical(await admitted(store, "pool-2", tree));
    const inode = (file: string): number => lstatSync(file).ino;
    const files = [`${first}/a`, `${first}/b`, `${second}/a`, `${second}/b`].map(inode);
    expect(new Set(files).size).toBe(1);
    expect(inode(`${first}/x`)).toBe(inode(`${second}/x`));
    expect(inode(`${first}/x`)).not.toBe(files[0]);
    const digest = sha256Hex("same");
    expect(readdirSync(store.layout.links).sort()).toEqual([digest, `${digest}.x`]);
  });

  test("an entry of the wrong size is replaced, not linked to", async () => {
    const store = temporaryStore();
    const entry = join(store.layout.links, sha256Hex("whole"));
    writeFileSync(entry, "");
    const path = await admitted(store, "damaged-1", "whole");
    expect(readFileSync(store.physical(path), "utf8")).toBe("whole");
    expect(lstatSync(entry).ino).toBe(lstatSync(store.physical(path)).ino);
  });

  test("a hard link to the outside is replaced by a copy, and the outside stays as it is", async () => {
    const store = temporaryStore();
    const drv = derivation("linked-1");
    const outside = join(store.layout.root, "outside");
    writeFileSync(outside, `mine, at ${self("linked-1")}`, { mode: 0o640 });
    const before = lstatSync(outside);
    const paths = await admitBuilt(store, drv, (scratch) => {
      mkdirSync(outputFile(scratch, drv));
      for (const name of ["a", "b"]) linkSync(outside, join(outputFile(scratch, drv), name));
    });
    const root = store.physical(rightOf(paths).out as StorePath);
    expect(readFileSync(outside, "utf8")).toBe(`mine, at ${self("linked-1")}`);
    const { mode, mtimeMs, ino } = lstatSync(outside);
    expect([mode, mtimeMs]).toEqual([before.mode, before.mtimeMs]);
    expect([lstatSync(join(root, "a")).ino, lstatSync(join(root, "b")).ino]).not.toContain(ino);
    const path = rightOf(paths).out as StorePath;
    expect(readFileSync(join(root, "b"), "utf8")).toBe(`mine, at ${path}`);
  });

  test("a file that is one of its own already stays", async () => {
    const store = temporaryStore();
    const first = store.physical(await admitted(store, "first-1", "shared"));
    const drv = derivation("second-1");
    const paths = await admitBuilt(store, drv, (scratch) => {
      mkdirSync(outputFile(scratch, drv));
      linkSync(first, join(outputFile(scratch, drv), "a"));
      linkSync(first, join(outputFile(scratch, drv), "b"));
    });
    const root = store.physical(rightOf(paths).out as StorePath);
    expect(readdirSync(root).map((name) => lstatSync(join(root, name)).ino)).toEqual([
      lstatSync(first).ino,
      lstatSync(first).ino,
    ]);
  });

  // A second or two: there is no file system that has fewer links to give and is on every machine.
  test.skipIf(statfsSync(tmpdir()).type !== EXT4)(
    "begins anew with a file that has no more links to give",
    async () => {
      const store = temporaryStore();
      const digest = sha256Hex("popular");
      const first = store.physical(await admitted(store, "first-1", "popular"));
      const folder = join(store.layout.root, "links");
      mkdirSync(folder);
      const exhausted = (): boolean => {
        try {
          for (let n = 0; n < 70_000; n++) linkSync(first, join(folder, String(n)));
          return false;
        } catch (error) {
          return (error as NodeJS.ErrnoException).code === "EMLINK";
        }
      };
      expect(exhausted()).toBe(true);
      const tree = dir({ a: "popular", b: "popular", c: "popular" });
      const second = store.physical(await admitted(store, "second-1", tree));
      const third = store.physical(await admitted(store, "third-1", tree));
      const inode = (file: string): number => lstatSync(file).ino;
      const files = [second, third].flatMap((object) => ["a", "b", "c"].map((name) => inode(join(object, name))));
      expect([new Set(files).size, files[0] === inode(first)]).toEqual([1, false]);
      expect(inode(join(store.layout.links, digest))).toBe(files[0]);
      expect(readdirSync(store.layout.links)).toEqual([digest]);
      expect(readdirSync(store.layout.store).filter((name) => name.startsWith(".tmp"))).toEqual([]);
    },
  );
});
