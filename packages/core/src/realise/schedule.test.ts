/** Order, parallelism, other processes, cancelling, failures, size. The test releases the builders: nothing sleeps. */
import { describe, expect, test } from "vitest";
import type { DrvHash } from "../derivation.ts";
import { createWorld } from "../testing/memory-world.ts";
import { runPlan, runRealise } from "../testing/run.ts";
import { library, ranNames, smallBehaviour, smallGraph, smallWorld } from "../testing/small-graph.ts";
import type { RealiseEvent } from "./event.ts";

describe("scheduling", () => {
  const wide = (count: number) => {
    const graph = smallGraph();
    const leaves = Array.from({ length: count }, (_, i) => graph.add({ name: `leaf${i}`, write: `leaf ${i}` }));
    return { derivation: graph.derivation, roots: leaves };
  };

  test("runs as many builders as there are jobs, and the next when one has ended", async () => {
    const world = smallWorld();
    world.hold();
    const run = runRealise({ world, ...wide(4), jobs: 2 });
    await world.quiet();
    expect(world.held()).toEqual(["leaf0", "leaf1"]);
    world.release("leaf1");
    await world.quiet();
    expect(world.held()).toEqual(["leaf0", "leaf2"]);
    world.release("leaf0");
    await world.quiet();
    expect(world.held()).toEqual(["leaf2", "leaf3"]);
    world.releaseAll();
    expect((await run).built).toEqual(["leaf1", "leaf0", "leaf2", "leaf3"]);
  });

  test("downloads have places of their own", async () => {
    const graph = smallGraph();
    const sources = ["a.tar", "b.tar"].map((name) => graph.add({ name, write: name, fixed: "sha256" }));
    const builds = ["x", "y"].map((name) => graph.add({ name, write: name }));
    const world = smallWorld();
    world.hold();
    const run = runRealise({
      world,
      derivation: graph.derivation,
      roots: [...sources, ...builds],
      jobs: 1,
      downloads: 1,
    });
    await world.quiet();
    expect(world.held().toSorted()).toEqual(["a.tar", "x"]);
    world.releaseAll();
    expect(await run).toMatchObject({ built: ["x", "y"], fetched: ["a.tar", "b.tar"] });
  });

  test("takes the longest way to the end first, by recorded build times", async () => {
    const graph = smallGraph();
    const leaves = ["first", "quick", "slow", "start"].map((name) => graph.add({ name, write: name }));
    const long = graph.add({ name: "long", write: "long", inputs: leaves.slice(-1) });
    const role = graph.add({ name: "role", write: "role", inputs: [...leaves, long] });
    const world = smallWorld();
    for (const [name, seconds] of Object.entries({ first: 1, quick: 1, slow: 50, start: 5, long: 100, role: 1 })) {
      world.seconds.set(name, seconds);
    }
    world.hold();
    const run = runRealise({ world, derivation: graph.derivation, roots: [role], jobs: 1 });
    const order: string[] = [];
    await world.quiet();
    for (let held = world.held(); held.length > 0; held = world.held()) {
      order.push(...held);
      world.release(held[0] as string);
      await world.quiet();
    }
    await run;
    // Among those that wait when a place is free: `first` found one free, `long` did not wait yet when `start` ended.
    expect(order).toEqual(["first", "start", "slow", "long", "quick", "role"]);
  });

  test("two processes on one store build a derivation once, and the second waits for the first", async () => {
    const { app, derivation } = library();
    const world = smallWorld();
    world.hold();
    const first = runRealise({ world, derivation, roots: [app] });
    await world.quiet();
    world.release("zlib.tar");
    await world.quiet();
    const events: RealiseEvent[] = [];
    const second = runRealise({ world, derivation, roots: [app], emit: (event) => events.push(event) });
    await world.quiet();
    expect(world.held()).toEqual(["zlib"]);
    world.releaseAll();
    const [one, two] = await Promise.all([first, second]);
    expect(one.outputs).toEqual(two.outputs);
    expect(ranNames(world)).toEqual(["zlib.tar", "zlib", "app"]);
    expect(events.map(({ _tag }) => _tag)).toContain("BuiltElsewhere");
  });

  test("if the first fails, the second tries for itself", async () => {
    const { app, derivation } = library();
    let failures = 1;
    const world = smallWorld((drv, read) =>
      drv.name === "zlib" && failures-- > 0
        ? { _tag: "BuilderExited", code: 137, signal: null }
        : smallBehaviour(drv, read),
    );
    world.hold();
    const first = runRealise({ world, derivation, roots: [app] });
    await world.quiet();
    world.release("zlib.tar");
    await world.quiet();
    const second = runRealise({ world, derivation, roots: [app] });
    await world.quiet();
    world.releaseAll();
    expect((await first).failures).toMatchObject([{ name: "zlib" }]);
    expect(await second).toMatchObject({ built: ["zlib", "app"], failures: [] });
  });
});

describe("cancelling", () => {
  const cancelled = [{ _tag: "DerivationFailed", cause: { _tag: "Cancelled" } }];

  test("before the start: reported, nothing runs", async () => {
    const { app, zlib, derivation } = library();
    const world = smallWorld();
    const result = await runRealise({ world, derivation, roots: [app, zlib], signal: AbortSignal.abort() });
    expect(result).toMatchObject({ outputs: [undefined, undefined], failures: cancelled });
    expect(ranNames(world)).toEqual([]);
  });

  test("ends the running builders and starts nothing new", async () => {
    const graph = smallGraph();
    const roots = ["a", "b", "c"].map((name) => graph.add({ name, write: name }));
    const world = smallWorld();
    world.hold();
    const abort = new AbortController();
    const run = runRealise({
      world,
      derivation: graph.derivation,
      roots,
      jobs: 2,
      keepGoing: true,
      signal: abort.signal,
    });
    await world.quiet();
    abort.abort();
    expect(await run).toMatchObject({ outputs: [undefined, undefined, undefined], failures: cancelled });
    expect(ranNames(world)).toEqual(["a", "b"]);
    expect([...world.scratchFiles]).toEqual([]);
  });

  test("ends waiting for another process", async () => {
    const { app, derivation } = library();
    const world = smallWorld();
    world.hold();
    const first = runRealise({ world, derivation, roots: [app] });
    await world.quiet();
    const abort = new AbortController();
    const second = runRealise({ world, derivation, roots: [app], signal: abort.signal });
    await world.quiet();
    abort.abort();
    expect(await second).toMatchObject({ failures: cancelled });
    world.releaseAll();
    expect((await first).failures).toEqual([]);
  });
});

describe("failures", () => {
  test("say by what they were wanted, from the root down", async () => {
    const graph = smallGraph();
    const zlib = graph.add({ name: "zlib", write: "", fails: true });
    const app = graph.add({ name: "app", write: "", inputs: [zlib] });
    const role = graph.add({ name: "role", write: "", inputs: [app] });
    const result = await runRealise({ world: smallWorld(), derivation: graph.derivation, roots: [role] });
    const cause = { _tag: "BuilderExited", code: 1, signal: null };
    expect(result).toEqual({
      outputs: [undefined],
      built: [],
      fetched: [],
      cutoff: [],
      elsewhere: [],
      failures: [{ _tag: "DerivationFailed", drv: zlib, name: "zlib", cause, wantedBy: ["role", "app", "zlib"] }],
    });
  });

  test("stop what runs beside them, which is not reported, unless --keep-going", async () => {
    const graph = smallGraph();
    const bad = graph.add({ name: "bad", write: "", fails: true });
    const good = graph.add({ name: "good", write: "good" });
    for (const keepGoing of [false, true]) {
      const world = smallWorld();
      world.hold();
      const run = runRealise({ world, derivation: graph.derivation, roots: [bad, good], keepGoing });
      await world.quiet();
      world.release("bad");
      await world.quiet();
      world.releaseAll();
      const { built, failures } = await run;
      expect(failures.map(({ name }) => name)).toEqual(["bad"]);
      expect(built).toEqual(keepGoing ? ["good"] : []);
      expect([...world.scratchFiles]).toEqual([]);
    }
  });

  test("of a promise: other bytes than the digest says", async () => {
    const { app, derivation } = library();
    const world = smallWorld((drv, read) =>
      drv.name === "zlib.tar" ? { out: "error 404" } : smallBehaviour(drv, read),
    );
    const { failures } = await runRealise({ world, derivation, roots: [app] });
    expect(failures).toMatchObject([{ name: "zlib.tar", cause: { _tag: "DigestMismatch", bytes: 9 } }]);
    expect(world.objects.size).toBe(0);
  });

  test("of the store while a cutoff is recorded are the cut off derivation's", async () => {
    const graph = smallGraph();
    const make = (comment: string): DrvHash => {
      const zlib = graph.add({ name: "zlib", write: "libz.so", comment });
      return graph.add({ name: "app", write: `calls ${graph.ref(zlib)}`, inputs: [zlib] });
    };
    let full = false;
    const world = createWorld({ behaviour: smallBehaviour, fails: ({ method }) => full && method === "record" });
    const { derivation } = graph;
    await runRealise({ world, derivation, roots: [make("")] });
    full = true;
    const app = make("fixes a comment");
    const { failures, outputs } = await runRealise({ world, derivation, roots: [app] });
    expect(failures).toMatchObject([{ drv: app, wantedBy: ["app"], cause: { _tag: "StoreIo", code: "ENOSPC" } }]);
    expect(outputs).toEqual([undefined]);
  });

  test("of one output leave none registered", async () => {
    const graph = smallGraph();
    const app = graph.add({ name: "app", write: { out: "a", dev: "b" } });
    const world = smallWorld(() => ({ out: "a" }));
    const { failures } = await runRealise({ world, derivation: graph.derivation, roots: [app] });
    expect(failures).toMatchObject([{ cause: { _tag: "OutputMissing", outputs: ["dev"] } }]);
    expect([world.objects.size, world.realisations.size, world.scratchFiles.size]).toEqual([0, 0, 0]);
  });
});

describe("size", { timeout: 120_000 }, () => {
  const SIZE = 20_000;

  test("a chain of 20,000 derivations: no stack overflow, and look-ups grow with its length", async () => {
    const graph = smallGraph();
    let top = graph.add({ name: "link", write: "0" });
    for (let i = 1; i < SIZE; i++) top = graph.add({ name: "link", write: String(i), inputs: [top] });
    const { derivation } = graph;
    const world = smallWorld();
    expect((await runPlan({ world, derivation, roots: [top] })).build).toEqual(["link"]);
    const { built, failures } = await runRealise({ world, derivation, roots: [top] });
    expect([built.length, failures]).toEqual([SIZE, []]);
    expect(world.lookups.length).toBeLessThan(12 * SIZE);
    expect(world.calls.length).toBeLessThan(8 * SIZE);

    const fresh = smallWorld();
    const substituters = [fresh.substituterOf(world)];
    expect(await runRealise({ world: fresh, derivation, roots: [top], substituters })).toMatchObject({
      built: [],
      fetched: ["link"],
    });
  });

  test("20,000 derivations side by side, each failing", async () => {
    const graph = smallGraph();
    const leaves = Array.from({ length: SIZE }, (_, i) =>
      graph.add({ name: `leaf${i}`, write: "", fails: i % 2 === 0 }),
    );
    const top = graph.add({ name: "top", write: "", inputs: leaves });
    const world = smallWorld();
    const run = { world, derivation: graph.derivation, roots: [top], keepGoing: true };
    const { built, failures } = await runRealise(run);
    expect([built.length, failures.length]).toEqual([SIZE / 2, SIZE / 2]);
    expect(world.calls.length).toBeLessThan(8 * SIZE);
  });
});
