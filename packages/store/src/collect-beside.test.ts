/** Collectors that are killed, meet a full disk, or work while other processes build: real processes on one store. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { baseName, type ObjectInfo, type StorePath } from "@cab/core";
import { describe, expect, test } from "vitest";
import { openStore, type Store } from "./store.ts";
import { startChild } from "./testing/processes.ts";
import { proves } from "./testing/proof.ts";
import { admitted, dir, rightOf, temporaryDirectory } from "./testing/rig.ts";
import { mayMount, onSmallDisk } from "./testing/small-disk.ts";
import { validPaths } from "./testing/valid-paths.ts";

const open = (root: string): Store => rightOf(openStore({ root, builder: null }));

const collect = async (store: Store) =>
  rightOf(
    await store.collect({
      dryRun: false,
      generations: undefined,
      now: Date.now(),
      signal: new AbortController().signal,
      onProgress: () => {},
    })(),
  );

const inStore = ({ layout }: Store): string[] => readdirSync(layout.store).filter((name) => name !== ".links");

/** A store whose process has ended: a library that a link keeps, an app that uses it, and an app of that app. */
async function abandoned(): Promise<{ root: string; library: StorePath; dead: StorePath[] }> {
  const root = temporaryDirectory();
  const store = open(root);
  const library = await admitted(store, "library-1", dir({ lib: "code" }));
  const app = await admitted(store, "app-1", dir({ bin: `needs ${library}` }), [library]);
  const top = await admitted(store, "top-1", dir({ bin: `needs ${app}` }), [library, app]);
  rightOf(await store.addRoot(library, undefined)());
  await store.close();
  return { root, library, dead: [top, app] };
}

interface Said {
  readonly collected: { readonly right: { readonly objects: readonly StorePath[] } };
  readonly steps: number;
}

test("killed between any two steps, a collector leaves valid what is whole, and the next one ends its work", async () => {
  const whole = await abandoned();
  const said = (await startChild([whole.root, "collect", "0"]).said()) as Said;
  expect(said.collected.right.objects).toEqual(whole.dead);
  expect(said.steps).toBeGreaterThan(4);
  for (let step = 1; step <= said.steps; step++) {
    const { root, library } = await abandoned();
    expect((await startChild([root, "collect", String(step)]).ended).how).toBe("SIGKILL");
    const store = open(root);
    for (const path of validPaths(store)) {
      const info = store.object(path) as ObjectInfo;
      expect(await proves(store, info)).toEqual({ ...info, deriver: null });
    }
    await collect(store);
    expect(inStore(store)).toEqual([baseName(library)]);
    expect(readdirSync(store.layout.links)).toHaveLength(1);
    expect(readdirSync(store.layout.processes)).toHaveLength(1);
    await store.close();
  }
}, 120_000);

test("what was renamed by a killed collector is removed by the next build too", async () => {
  const { root, library } = await abandoned();
  const renamed = 3;
  await startChild([root, "collect", String(renamed)]).ended;
  const store = open(root);
  expect(inStore(store).some((name) => name.startsWith(".tmp-"))).toBe(true);
  rightOf(await store.openScratch("next-1")());
  expect(inStore(store).filter((name) => !name.includes("next-1"))).toEqual([baseName(library)]);
  await store.close();
});

test("two collectors work while two processes build: nobody misses anything, and in the end nothing is left", async () => {
  const root = temporaryDirectory();
  const collectors = [0, 1].map(() => startChild([root, "collectRounds"]));
  for (const collector of collectors) expect(await collector.said()).toBe("begins");
  const builders = [0, 1].map(() => startChild([root, "realise", "8"]));
  const built = (await Promise.all(builders.map((each) => each.said()))) as { missing: string[]; built: number }[];
  for (const collector of collectors) collector.tell("stop\n");
  const collected = (await Promise.all(collectors.map((each) => each.said()))) as {
    deleted: number;
    broken: StorePath[];
  }[];
  expect(built.map(({ missing }) => missing)).toEqual([[], []]);
  expect(collected.map(({ broken }) => broken)).toEqual([[], []]);
  // More was built, and deleted, than there is: both were at work at the same time, or this has shown nothing.
  expect(built.reduce((sum, each) => sum + each.built, 0)).toBeGreaterThan(6);
  expect(collected.reduce((sum, each) => sum + each.deleted, 0)).toBeGreaterThan(6);
  const store = open(root);
  await collect(store);
  expect([inStore(store), readdirSync(store.layout.links)]).toEqual([[], []]);
  await store.close();
}, 120_000);

describe("a full disk", () => {
  test.skipIf(!mayMount)("is emptied by a collection (needs user namespaces)", async () => {
    const root = temporaryDirectory();
    const wrapper = ["sh", "-c", '"$0" "$@" admit 0 100000 && "$0" "$@" fill'];
    const child = startChild([root], [...onSmallDisk(root, "size=4m"), ...wrapper]);
    await child.said();
    expect(await child.said()).toMatchObject({ free: 0, collected: { _tag: "Right" } });
    expect(existsSync(join(root, "store"))).toBe(false);
  });
});
