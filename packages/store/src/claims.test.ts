import { existsSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { DrvHash } from "@cab/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { announce, forgetDead } from "./process-socket.ts";
import { openStore, type Store } from "./store.ts";
import { startChild } from "./testing/processes.ts";
import { rightOf, temporaryDirectory, temporaryStore } from "./testing/rig.ts";

const DRV = "a".repeat(64) as DrvHash;
const OTHER = "b".repeat(64) as DrvHash;

describe("claims", () => {
  test("within a process the second claim waits for the first", async () => {
    const store = temporaryStore();
    const first = rightOf(await store.claim(DRV)());
    const second = rightOf(await store.claim(DRV)());
    const other = rightOf(await store.claim(OTHER)());
    expect([first._tag, second._tag, other._tag]).toEqual(["Ours", "Theirs", "Ours"]);
    if (first._tag === "Ours") await first.release();
    if (second._tag === "Theirs") await second.ended;
    expect(rightOf(await store.claim(DRV)())._tag).toBe("Ours");
  });

  test("another process's claim ends when it is released", async () => {
    const store = temporaryStore();
    const child = startChild([store.layout.root, "claim", DRV]);
    expect(await child.said()).toBe("Ours");
    const claim = rightOf(await store.claim(DRV)());
    if (claim._tag !== "Theirs") throw new Error("two processes hold one claim");
    child.tell("release\n");
    await claim.ended;
    expect(await child.said()).toBe("released");
    expect(rightOf(await store.claim(DRV)())._tag).toBe("Ours");
    expect(await child.ended).toEqual({ how: 0, complaint: "" });
  });

  test("a claim ends with the process that held it", async () => {
    const store = temporaryStore();
    const child = startChild([store.layout.root, "claim", DRV]);
    await child.said();
    const claim = rightOf(await store.claim(DRV)());
    if (claim._tag !== "Theirs") throw new Error("two processes hold one claim");
    await child.kill();
    await claim.ended;
    expect(rightOf(await store.claim(DRV)())._tag).toBe("Ours");
  });

  test("the claim of a process that died unseen is taken over by exactly one", async () => {
    const store = temporaryStore();
    const dead = startChild([store.layout.root, "claim", DRV]);
    await dead.said();
    await dead.kill();
    const children = [0, 1, 2].map(() => startChild([store.layout.root, "claim", DRV]));
    const said = await Promise.all(children.map((child) => child.said()));
    expect(said.sort()).toEqual(["Ours", "Theirs", "Theirs"]);
  });

  test("who waits is told who holds the claim, and since when", async () => {
    const worker = { pid: 4711, words: ["realise", "web"] };
    const root = temporaryDirectory();
    const [holder, waiting] = [worker, null].map((who) => rightOf(openStore({ root, builder: null, worker: who })));
    onTestFinished(async () => {
      await waiting?.close();
      await holder?.close();
    });
    await holder?.claim(DRV)();
    const since = lstatSync(join(root, "var/claims", DRV)).mtimeMs;
    const claim = rightOf(await (waiting as Store).claim(DRV)());
    expect(claim).toMatchObject({ _tag: "Theirs", holder: { worker, since } });
  });

  test("claims of dead processes go with the rest of what they left", async () => {
    const store = temporaryStore();
    const dead = startChild([store.layout.root, "claim", DRV]);
    const living = startChild([store.layout.root, "claim", OTHER]);
    await Promise.all([dead.said(), living.said()]);
    await dead.kill();
    rightOf(await store.openScratch("next-1")());
    expect(readdirSync(store.layout.claims)).toEqual([OTHER]);
  });

  test("a root longer than a socket's address may be", async () => {
    const root = join(temporaryDirectory(), "d".repeat(120));
    mkdirSync(root);
    const store = rightOf(openStore({ root, builder: null }));
    onTestFinished(() => store.close());
    const child = startChild([root, "claim", DRV]);
    await child.said();
    expect(rightOf(await store.claim(DRV)())._tag).toBe("Theirs");
  });

  test("closing a store leaves neither claim nor socket", async () => {
    const root = temporaryDirectory();
    const store = rightOf(openStore({ root, builder: null }));
    await store.claim(DRV)();
    await store.close();
    expect([readdirSync(store.layout.claims), readdirSync(store.layout.processes)]).toEqual([[], []]);
  });
});

describe("scratch directories", () => {
  test("those of dead processes are removed, those of living ones stay", async () => {
    const store = temporaryStore();
    const { root } = store.layout;
    const dead = startChild([root, "scratch"]);
    const living = startChild([root, "scratch"]);
    const left = (await dead.said()) as { storeDir: string };
    const kept = (await living.said()) as { storeDir: string };
    await dead.kill();
    const own = rightOf(await store.openScratch("own-1")());
    expect([left, kept, own].map(({ storeDir }) => existsSync(storeDir))).toEqual([false, true, true]);
    expect(readdirSync(store.layout.processes)).toHaveLength(2);
    rightOf(await store.discardScratch(own)());
    expect(readdirSync(store.layout.store).filter((name) => name.includes("own-1"))).toEqual([]);
  });

  test("a process that was killed while it announced itself leaves nothing either", async () => {
    const store = temporaryStore();
    for (const name of ["new-Abc123", "old-Abc124"]) mkdirSync(join(store.layout.processes, name));
    rightOf(await store.openScratch("next-1")());
    expect(readdirSync(store.layout.processes)).toHaveLength(1);
  });

  test("who is taken for dead before it is announced announces itself again", async () => {
    const { layout } = temporaryStore();
    let announced = false;
    const announcing = Promise.all(Array.from({ length: 20 }, () => announce(layout, null, (socket) => socket.end())));
    void announcing.then(() => (announced = true));
    while (!announced) await forgetDead(layout);
    const all = await announcing;
    await forgetDead(layout);
    expect(readdirSync(layout.processes).sort()).toEqual(all.map(({ id }) => `p-${id}`).sort());
    for (const one of all) await one.close();
    expect(readdirSync(layout.processes)).toEqual([]);
  });

  test("discarding one that is gone is no failure", async () => {
    const store = temporaryStore();
    const scratch = rightOf(await store.openScratch("twice-1")());
    rightOf(await store.discardScratch(scratch)());
    expect(await store.discardScratch(scratch)()).toEqual({ _tag: "Right", right: undefined });
  });
});
