import { cpSync } from "node:fs";
import { hashPart, type ObjectInfo, type StorePath, scratchPath, storePath } from "@cab/core";
import { describe, expect, test } from "vitest";
import type { Store } from "./store.ts";
import {
  admitTrees,
  derivation,
  dir,
  leftOf,
  readTree,
  rightOf,
  type Tree,
  temporaryStore,
  writeTree,
} from "./testing/rig.ts";

/** A store that has an object with a reference to another and to itself: what a substituter offers. */
async function offered(): Promise<{ store: Store; input: ObjectInfo; object: ObjectInfo }> {
  const store = temporaryStore();
  const input = rightOf(await admitTrees(store, derivation("input-1"), { out: "input" })).out as StorePath;
  const own = scratchPath("object-1", "out");
  const tree = dir({ a: `${own} and ${input}`, l: { link: `${own}/a` }, d: dir({ x: { exec: "x" } }) });
  const path = rightOf(await admitTrees(store, derivation("object-1"), { out: tree }, [input])).out as StorePath;
  return { store, input: store.object(input) as ObjectInfo, object: store.object(path) as ObjectInfo };
}

async function admit(store: Store, info: ObjectInfo, write: (file: string) => void) {
  const scratch = rightOf(await store.openScratch("substitute")());
  const file = `${scratch.storeDir}/tree`;
  write(file);
  const admitted = await store.admitObject(scratch, file, info)();
  rightOf(await store.discardScratch(scratch)());
  return admitted;
}

const copied = (from: Store, path: StorePath) => (file: string) =>
  cpSync(from.physical(path), file, { recursive: true, verbatimSymlinks: true });

const rejection = (info: ObjectInfo, reason: string): unknown => ({
  _tag: "SubstituteRejected",
  substituter: "",
  path: info.path,
  reason,
});

describe("admitting an object made elsewhere", () => {
  test("its bytes give its name, and the same record but for the deriver", async () => {
    const { store: from, input, object } = await offered();
    const to = temporaryStore();
    rightOf(await admit(to, input, copied(from, input.path)));
    const admitted = rightOf(await admit(to, object, copied(from, object.path)));
    expect(admitted).toEqual({ ...object, deriver: null });
    expect(to.object(object.path)).toEqual(admitted);
    expect(readTree(to.physical(object.path))).toEqual(readTree(from.physical(object.path)));
    expect(to.referrers(input.path)).toEqual([object.path]);
  });

  test("one that is valid already stays, whatever is offered", async () => {
    const { store, input } = await offered();
    expect(rightOf(await admit(store, input, (file) => writeTree(file, "other")))).toEqual(input);
    expect(readTree(store.physical(input.path))).toBe("input");
  });

  test("references must be valid", async () => {
    const { store: from, input, object } = await offered();
    const refused = leftOf(await admit(temporaryStore(), object, copied(from, object.path)));
    expect(refused).toEqual(rejection(object, `it refers to ${input.path}, which is not in the store`));
  });

  test("references must stand in the bytes", async () => {
    const { store, input, object } = await offered();
    const other = rightOf(await admitTrees(store, derivation("other-1"), { out: "other" })).out as StorePath;
    const info = { ...object, path: storePath("test:forged", "forged"), references: [input.path, other] };
    const refused = leftOf(await admit(store, info, copied(store, object.path)));
    expect(refused).toEqual(rejection(info, `its bytes do not refer to ${other}`));
  });

  test.each<[string, Tree, RegExp]>([
    ["other bytes", "inpux", /^its bytes give \/cab\/store\/.*-input-1$/],
    ["another type", { exec: "input" }, /^its bytes give /],
    ["its own name in it", `input ${hashPart(storePath("x", "x"))}`, /^its bytes give /],
  ])("%s are rejected, and nothing is registered", async (_, tree, reason) => {
    const { input } = await offered();
    const store = temporaryStore();
    const refused = leftOf(await admit(store, input, (file) => writeTree(file, tree)));
    expect(refused).toEqual(rejection(input, expect.stringMatching(reason) as unknown as string));
    expect(store.object(input.path)).toBeUndefined();
  });

  test("a digest other than the promised one is rejected", async () => {
    const { store: from, input } = await offered();
    const info = { ...input, digest: "0".repeat(64) };
    const refused = leftOf(await admit(temporaryStore(), info, copied(from, input.path)));
    expect(refused).toEqual(rejection(info, `its digest is ${input.digest}, not ${info.digest}`));
  });
});
