/** Collection within one process, and beside others: what goes, what stays, and what a killed collector leaves. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { baseName, type DrvHash, type ObjectInfo, type RealisationKey, type StorePath } from "@cab/core";
import { describe, expect, test } from "vitest";
import type { CollectOptions } from "./collect.ts";
import type { Store } from "./store.ts";
import { startChild } from "./testing/processes.ts";
import { admitted, derivation, dir, readTree, rightOf, temporaryDirectory, temporaryStore } from "./testing/rig.ts";

const OPTIONS: CollectOptions = {
  dryRun: false,
  generations: undefined,
  now: 0,
  signal: new AbortController().signal,
  onProgress: () => {},
};

const collect = async (store: Store, options: Partial<CollectOptions> = {}) =>
  rightOf(await store.collect({ ...OPTIONS, ...options })());

const collectedPaths = async (store: Store): Promise<StorePath[]> => [...(await collect(store)).objects].sort();

/** The store as a later process sees it: what this one has kept is free. */
async function reopened(store: Store): Promise<Store> {
  await store.close();
  return temporaryStore({ root: store.layout.root });
}

const objectNames = ({ layout }: Store): string[] =>
  readdirSync(layout.store)
    .filter((name) => name !== ".links")
    .sort();

const poolNames = ({ layout }: Store): string[] => readdirSync(layout.links).sort();

/** A role's generation, as the profile makes it: a relative link. */
function generation(store: Store, role: string, name: string, path: StorePath): string {
  const directory = join(store.layout.profiles, role);
  mkdirSync(directory, { recursive: true });
  const link = join(directory, name);
  symlinkSync(`../../../store/${baseName(path)}`, link);
  return link;
}

/** An app that refers to a library, and something that nobody refers to. */
async function small(store: Store) {
  const library = await admitted(store, "library-1", dir({ lib: dir({ "lib.so": "code", "same.h": "text" }) }));
  const app = await admitted(store, "app-1", dir({ bin: `needs ${library}`, copy: "text" }), [library]);
  const other = await admitted(store, "other-1", "other");
  return { library, app, other };
}

describe("what nobody keeps", () => {
  test("goes with its rows, its pool entries and the messages of its directories; knowledge of it stays", async () => {
    const first = temporaryStore();
    const { library, app, other } = await small(first);
    generation(first, "role", "1", library);
    const store = await reopened(first);
    const before = store.object(app) as ObjectInfo;
    const { objects, bytes, freed, generations } = await collect(store);
    expect([objects, generations]).toEqual([expect.arrayContaining([app, other]), []]);
    expect(objects).toHaveLength(2);
    expect(bytes).toBe(before.size + "other".length);
    expect(freed).toBeGreaterThan(0);
    expect([app, other].map(store.object)).toEqual([undefined, undefined]);
    expect(objectNames(store)).toEqual([baseName(library)]);
    expect(store.referrers(library)).toEqual([]);
    expect(store.directory(before.digest)).toBeUndefined();
    expect(store.directory(store.object(library)?.digest as string)).toBeDefined();
    expect(readTree(store.physical(library))).toEqual(dir({ lib: dir({ "lib.so": "code", "same.h": "text" }) }));
    expect(poolNames(store)).toHaveLength(2);
    expect(store.realisation(`drv:${before.deriver}:out` as RealisationKey)).toBe(app);
    expect(store.derivation(before.deriver as DrvHash)).toEqual(derivation("app-1"));
  });

  test("comes again with the same path when it is built again", async () => {
    const first = temporaryStore();
    const before = await small(first);
    const store = await reopened(first);
    expect(await collectedPaths(store)).toEqual(Object.values(before).sort());
    expect([objectNames(store), poolNames(store)]).toEqual([[], []]);
    expect(await small(store)).toEqual(before);
    expect(store.referrers(before.library)).toEqual([before.app]);
  });

  test("is only named by a dry run", async () => {
    const first = temporaryStore();
    const { library, app, other } = await small(first);
    generation(first, "role", "1", library);
    const store = await reopened(first);
    const { objects, bytes } = await collect(store, { dryRun: true });
    expect([...objects].sort()).toEqual([app, other].sort());
    expect(bytes).toBe((store.object(app)?.size ?? 0) + (store.object(other)?.size ?? 0));
    expect(store.object(app)).toBeDefined();
    expect(objectNames(store)).toHaveLength(3);
  });

  test("is not deleted any more once the user has asked to stop", async () => {
    const first = temporaryStore();
    await small(first);
    const store = await reopened(first);
    expect((await collect(store, { signal: AbortSignal.abort() })).objects).toEqual([]);
    expect(objectNames(store)).toHaveLength(3);
  });

  test("goes though its files and directories are read-only, and whatever else its tree holds", async () => {
    const first = temporaryStore();
    const path = await admitted(
      first,
      "odd-1",
      dir({ empty: dir({}), link: { link: "/nowhere" }, run: { exec: "#!" } }),
    );
    const store = await reopened(first);
    chmodSync(join(store.physical(path), "empty"), 0o000);
    expect(await collectedPaths(store)).toEqual([path]);
    expect(objectNames(store)).toEqual([]);
  });
});

describe("what is kept", () => {
  test("by this process: what it admitted, and what it asked to keep, with all that these refer to", async () => {
    const first = temporaryStore();
    const { library, app, other } = await small(first);
    expect(await collectedPaths(first)).toEqual([]);
    const store = await reopened(first);
    expect(rightOf(await store.keep([app])())).toEqual([]);
    expect(await collectedPaths(store)).toEqual([other]);
    expect([library, app].map((path) => store.object(path)?.path)).toEqual([library, app]);
    expect(rightOf(await store.keep([other, library])())).toEqual([other]);
  });

  test("by another process, until it ends, however it ends", async () => {
    const first = temporaryStore();
    const { library, app, other } = await small(first);
    const store = await reopened(first);
    const keeper = startChild([store.layout.root, "keep", library]);
    expect(await keeper.said()).toEqual([]);
    expect(await collectedPaths(store)).toEqual([app, other].sort());
    await keeper.kill();
    expect(await collectedPaths(store)).toEqual([library]);
  });

  test("by a link that leads into the store, relative, logical or by another name of the store", async () => {
    const first = temporaryStore();
    const { library, other } = await small(first);
    generation(first, "role", "1", library);
    const elsewhere = temporaryDirectory();
    symlinkSync(first.layout.root, join(elsewhere, "alias"));
    mkdirSync(first.layout.roots);
    symlinkSync(join(elsewhere, "alias/store", baseName(other), "inside"), join(first.layout.roots, "other"));
    const store = await reopened(first);
    expect((await collect(store)).objects).toHaveLength(1);
    expect([library, other].every((path) => store.object(path) !== undefined)).toBe(true);
  });

  test("by a user's own link, until it is removed", async () => {
    const first = temporaryStore();
    const { library } = await small(first);
    const store = await reopened(first);
    const link = join(temporaryDirectory(), "result");
    expect(rightOf(await store.addRoot(library, link)())).toEqual({ kind: "link", link, path: library });
    const later = await reopened(store);
    expect((await collect(later)).objects).toHaveLength(2);
    expect(rightOf(await later.roots()())).toEqual([{ kind: "link", link, path: library }]);
    rmSync(link);
    expect(await collectedPaths(later)).toEqual([library]);
    expect(readdirSync(later.layout.roots)).toEqual([]);
  });
});

describe("roots", () => {
  test("are added for valid objects only, replace each other, and are removed by name or link", async () => {
    const store = temporaryStore();
    const { library, app } = await small(store);
    const link = join(temporaryDirectory(), "result");
    const entry = join(store.layout.roots, "library-1");
    await store.addRoot(library, undefined)();
    await store.addRoot(library, link)();
    await store.addRoot(app, link)();
    const links = rightOf(await store.roots()()).filter(({ kind }) => kind === "link");
    expect(links).toEqual([
      { kind: "link", link: entry, path: library },
      { kind: "link", link, path: app },
    ]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect([rightOf(await store.removeRoot(link)()), rightOf(await store.removeRoot("library-1")())]).toEqual([
      true,
      true,
    ]);
    expect(rightOf(await store.removeRoot("library-1")())).toBe(false);
    expect([existsSync(link), readdirSync(store.layout.roots)]).toEqual([false, []]);
    const unknown = `${library}x` as StorePath;
    expect(rightOf(await store.addRoot(unknown, undefined)())).toBeUndefined();
  });

  test("never take the place of something that is no link", async () => {
    const store = temporaryStore();
    const { library } = await small(store);
    expect(await store.addRoot(library, store.layout.logs)()).toMatchObject({
      _tag: "Left",
      left: { _tag: "StoreIo", file: store.layout.logs, code: "EEXIST" },
    });
  });

  test("name the processes that keep something", async () => {
    const store = temporaryStore();
    const { library, app, other } = await small(store);
    const roots = rightOf(await store.roots()());
    expect(roots.map(({ kind, path }) => [kind, path])).toEqual([library, app, other].map((path) => ["process", path]));
  });
});

describe("generations", () => {
  const DAY = 24 * 3600 * 1000;
  const NOW = 1000 * DAY;

  /** Made 60, 40 and 10 days ago, and now; the second is current. */
  async function four(store: Store) {
    const paths: StorePath[] = [];
    for (const [i, age] of [60, 40, 10, 0].entries()) {
      const path = await admitted(store, `role-${i + 1}`, `generation ${i + 1}`);
      const link = generation(store, "role", String(i + 1), path);
      lutimesSync(link, (NOW - age * DAY) / 1000, (NOW - age * DAY) / 1000);
      paths.push(path);
    }
    symlinkSync("2", join(store.layout.profiles, "role", "current"));
    return paths;
  }
  const left = ({ layout }: Store): string[] => readdirSync(join(layout.profiles, "role")).sort();

  test("stay with all they refer to, unless they are to go", async () => {
    const first = temporaryStore();
    await four(first);
    const store = await reopened(first);
    expect((await collect(store, { now: NOW })).objects).toEqual([]);
    expect(left(store)).toEqual(["1", "2", "3", "4", "current"]);
  });

  test.each<[string, Parameters<typeof collect>[1], string[]]>(
    [
      ["which were not current in the last 30 days", { since: NOW - 30 * DAY, keep: 0 }, ["2", "3", "4"]],
      ["but for the newest one", { since: undefined, keep: 1 }, ["2", "4"]],
      ["which are neither new nor among the newest three", { since: NOW - 5 * DAY, keep: 3 }, ["2", "3", "4"]],
      // By a clock that was set back everything is new.
      ["but for what the future made", { since: -30 * DAY, keep: 0 }, ["1", "2", "3", "4"]],
    ].map(([name, generations, stay]) => [name, { generations, now: NOW }, stay] as never),
  )("%s", async (_, options, stay) => {
    const first = temporaryStore();
    const paths = await four(first);
    const store = await reopened(first);
    const dry = await collect(store, { ...options, dryRun: true });
    const { objects, generations } = await collect(store, options);
    expect(left(store)).toEqual([...stay, "current"]);
    const gone = paths.filter((_path, i) => !stay.includes(String(i + 1)));
    expect([...objects].sort()).toEqual([...gone].sort());
    expect(generations.length).toBe(gone.length);
    expect([dry.objects.length, dry.generations]).toEqual([objects.length, generations]);
  });

  test("that a switch is about to make current stay, and what a profile wrote beside others goes with them", async () => {
    const first = temporaryStore();
    await four(first);
    const folder = join(first.layout.profiles, "role");
    symlinkSync("1", join(folder, "pending"));
    for (const name of ["1", "3"])
      for (const kind of ["json", "params"]) writeFileSync(join(folder, `${name}.${kind}`), "");
    const store = await reopened(first);
    const { generations } = await collect(store, { generations: { since: undefined, keep: 0 }, now: NOW });
    expect(generations).toEqual(["3", "4"].map((name) => join(folder, name)));
    expect(left(store)).toEqual(["1", "1.json", "1.params", "2", "current", "pending"]);
  });
});
