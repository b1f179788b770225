import { right } from "fp-ts/lib/Either.js";
import { describe, expect, test } from "vitest";
import { type DrvHash, type DrvOutput, drvHash } from "../derivation.ts";
import type { ObjectInfo } from "../object.ts";
import type { SubstituterPort } from "../ports.ts";
import { contentKey, realisationKey } from "../realisation.ts";
import { type StorePath, storePath } from "../store-path.ts";
import { type Behaviour, createWorld, type World } from "../testing/memory-world.ts";
import { out, runPlan, runRealise } from "../testing/run.ts";
import { smallBehaviour, smallGraph } from "../testing/small-graph.ts";
import type { RealiseEvent } from "./event.ts";

const smallWorld = (behaviour: Behaviour = smallBehaviour): World => createWorld({ behaviour });

const names = (world: World): string[] => world.ran.map(({ name }) => name);

const pathOf = (world: World, drv: DrvHash, output = "out"): StorePath =>
  world.realisations.get(contentKey({ drv, output })) as StorePath;

/** An app that refers to a library that is made from a source. */
function library() {
  const graph = smallGraph();
  const source = graph.add({ name: "zlib.tar", write: "int inflate;", fixed: "sha256" });
  const zlib = graph.add({ name: "zlib", write: "libz.so", inputs: [source] });
  const app = graph.add({ name: "app", write: `calls ${graph.ref(zlib)}`, inputs: [zlib] });
  return { graph, derivation: graph.derivation, source, zlib, app };
}

describe("what is up to date", () => {
  test("is built once, and touches its root alone the second time", async () => {
    const { app, derivation } = library();
    const world = smallWorld();
    const first = await runRealise({ world, derivation, roots: [app] });
    expect(first).toMatchObject({ built: ["zlib", "app"], fetched: ["zlib.tar"], failures: [] });

    const before = { lookups: world.lookups.length, calls: world.calls.length };
    const asked: DrvHash[] = [];
    const second = await runRealise({
      world,
      roots: [app],
      derivation: (hash) => {
        asked.push(hash);
        return derivation(hash);
      },
    });
    expect(second).toEqual({ outputs: first.outputs, built: [], fetched: [], cutoff: [], failures: [] });
    expect(world.lookups.slice(before.lookups)).toEqual([contentKey(out(app)), pathOf(world, app)]);
    expect(world.calls.length).toBe(before.calls);
    expect(new Set(asked)).toEqual(new Set([app]));
  });

  test("stays so above a change without effect: early cutoff", async () => {
    const graph = smallGraph();
    const make = (comment: string): DrvHash => {
      const zlib = graph.add({ name: "zlib", write: "libz.so", comment });
      const app = graph.add({ name: "app", write: `calls ${graph.ref(zlib)}`, inputs: [zlib] });
      return graph.add({ name: "role", write: `runs ${graph.ref(app)}`, inputs: [app] });
    };
    const world = smallWorld();
    const { derivation } = graph;
    await runRealise({ world, derivation, roots: [make("")] });
    const events: RealiseEvent["_tag"][] = [];
    const role = make("fixes a comment");
    const again = await runRealise({ world, derivation, roots: [role], emit: ({ _tag }) => events.push(_tag) });
    expect(again).toMatchObject({ built: ["zlib"], cutoff: ["app", "role"], failures: [] });
    expect(events).toEqual(["Wanted", "Started", "Ran", "Finished", "CutOff", "CutOff"]);
    // The cutoff is recorded under the new hash: the third run does not even resolve.
    const third = await runRealise({ world, derivation, roots: [role] });
    expect(third).toMatchObject({ built: [], cutoff: [] });
  });

  test("is refetched from no other mirror, whatever the algorithm", async () => {
    for (const fixed of ["sha256", "sha512"] as const) {
      const graph = smallGraph();
      const make = (url: string): DrvHash => {
        const source = graph.add({ name: "zlib.tar", write: "int inflate;", fixed, comment: url });
        return graph.add({ name: "zlib", write: "libz.so", inputs: [source] });
      };
      const world = smallWorld();
      const { derivation } = graph;
      const first = await runRealise({ world, derivation, roots: [make("https://zlib.net")] });
      expect(first).toMatchObject({ fetched: ["zlib.tar"], built: ["zlib"] });
      const second = await runRealise({ world, derivation, roots: [make("https://example.org")] });
      expect(second).toEqual({ ...first, fetched: [], built: [], cutoff: ["zlib"] });
    }
  });

  test("counts for two derivations that resolve to the same one: built once, recorded for both", async () => {
    const graph = smallGraph();
    const make = (comment: string): DrvHash => {
      const zlib = graph.add({ name: "zlib", write: "libz.so", comment });
      return graph.add({ name: "app", write: `calls ${graph.ref(zlib)}`, inputs: [zlib] });
    };
    const [app, twin] = [make("a"), make("b")];
    const world = smallWorld();
    world.hold();
    const run = runRealise({ world, derivation: graph.derivation, roots: [app, twin], jobs: 8 });
    await world.quiet();
    expect(world.held()).toEqual(["zlib", "zlib"]);
    world.release("zlib");
    world.release("zlib");
    await world.quiet();
    expect(world.held()).toEqual(["app"]);
    world.releaseAll();
    const { outputs, built } = await run;
    expect(built).toEqual(["zlib", "zlib", "app"]);
    expect(outputs[0]).toEqual(outputs[1]);
    expect(pathOf(world, app)).toBe(pathOf(world, twin));
  });
});

describe("the sandbox's own programs", () => {
  test("are made before the first sandboxed build, and for nothing else", async () => {
    const graph = smallGraph();
    const bwrap = graph.add({ name: "bwrap", write: "static binary", builder: "builtin:write@1" });
    const file = graph.add({ name: "file", write: "text", builder: "builtin:write@1" });
    const app = graph.add({ name: "app", write: "app", inputs: [file] });
    const { derivation } = graph;
    const world = smallWorld();
    await runRealise({ world, derivation, roots: [file], sandboxTools: out(bwrap) });
    expect(names(world)).toEqual(["file"]);
    const planned = await runPlan({ world, derivation, roots: [app], sandboxTools: out(bwrap) });
    expect(new Set(planned.build)).toEqual(new Set(["app", "bwrap"]));
    await runRealise({ world, derivation, roots: [app], sandboxTools: out(bwrap) });
    expect(names(world)).toEqual(["file", "bwrap", "app"]);
  });

  test("a root file system is there before the build, and is no input", async () => {
    const graph = smallGraph();
    const seed = graph.add({ name: "seed", write: "debian", builder: "builtin:unpack@1" });
    const app = graph.add({ name: "app", write: "app", rootfs: out(seed) });
    const world = smallWorld();
    await runRealise({ world, derivation: graph.derivation, roots: [app] });
    expect(names(world)).toEqual(["seed", "app"]);
    expect(world.objects.get(pathOf(world, app))?.info.references).toEqual([]);
  });
});

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
    expect(names(world)).toEqual(["zlib.tar", "zlib", "app"]);
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
    expect(names(world)).toEqual([]);
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
    expect(names(world)).toEqual(["a", "b"]);
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

describe("an object that was lost", () => {
  test("is built again, and what uses it is not", async () => {
    const { app, zlib, derivation } = library();
    const world = smallWorld();
    const { outputs } = await runRealise({ world, derivation, roots: [app] });
    world.objects.clear();
    const again = await runRealise({ world, derivation, roots: [zlib] });
    expect(again).toMatchObject({ built: ["zlib"], fetched: ["zlib.tar"], failures: [] });
    expect(await runRealise({ world, derivation, roots: [app] })).toMatchObject({ outputs, built: ["app"] });
  });

  /** The library comes out different each time. */
  const unreproducible = () => {
    let time = 0;
    return smallWorld((drv, read) => {
      const made = smallBehaviour(drv, read) as Record<string, string>;
      return drv.name === "zlib" ? { ...made, dev: `built at ${time++}` } : made;
    });
  };

  test("and comes out different is reported, once, however many want it", async () => {
    const graph = smallGraph();
    const zlib = graph.add({ name: "zlib", write: { out: "libz.so", dev: "" } });
    const dev: DrvOutput = { drv: zlib, output: "dev" };
    const roots = ["a", "b"].map((name) => graph.add({ name, write: name, inputs: [dev] }));
    const world = unreproducible();
    const { derivation } = graph;
    await runRealise({ world, derivation, roots });
    const expected = pathOf(world, zlib, "dev");
    world.objects.clear();
    const { failures, outputs } = await runRealise({ world, derivation, roots, keepGoing: true });
    expect(failures.map(({ cause }) => cause)).toEqual([
      { _tag: "NonReproducible", output: "dev", expected, actual: pathOf(world, zlib, "dev") },
    ]);
    expect(outputs).toEqual([undefined, undefined]);
  });

  test("is reported too if only its sibling, which is still here, comes out different", async () => {
    const graph = smallGraph();
    const zlib = graph.add({ name: "zlib", write: { out: "libz.so", dev: "" } });
    const world = unreproducible();
    const { derivation } = graph;
    await runRealise({ world, derivation, roots: [zlib] });
    world.objects.delete(pathOf(world, zlib));
    const { failures } = await runRealise({ world, derivation, roots: [zlib] });
    expect(failures).toMatchObject([{ name: "zlib", cause: { _tag: "NonReproducible", output: "dev" } }]);
  });
});

describe("substituters", () => {
  /** What a cache has after building the library's app, and a fresh store to receive it. */
  async function cached() {
    const built = library();
    const cache = smallWorld();
    await runRealise({ world: cache, derivation: built.derivation, roots: [built.app] });
    const world = smallWorld();
    return { ...built, cache, world, honest: world.substituterOf(cache) };
  }

  test("give the run-time closure, without sources or what only built it", async () => {
    const { app, derivation, cache, world, honest } = await cached();
    const result = await runRealise({ world, derivation, roots: [app], substituters: [honest] });
    expect(result).toMatchObject({ built: [], fetched: ["zlib", "app"], failures: [] });
    expect(pathOf(world, app)).toBe(pathOf(cache, app));
  });

  test("let a change without effect above a cached graph be cut off", async () => {
    const { graph, derivation, world, honest } = await cached();
    const source = graph.add({ name: "zlib.tar", write: "int inflate;", fixed: "sha256", comment: "another mirror" });
    const zlib = graph.add({ name: "zlib", write: "libz.so", inputs: [source] });
    const app = graph.add({ name: "app", write: `calls ${graph.ref(zlib)}`, inputs: [zlib] });
    const result = await runRealise({ world, derivation, roots: [app], substituters: [honest] });
    expect(result).toMatchObject({ built: [], cutoff: ["zlib", "app"], fetched: ["zlib", "app"], failures: [] });
  });

  /** What becomes of the app if the cache's answers are changed in this way. */
  async function hostile(change: (honest: SubstituterPort, cache: World) => Partial<SubstituterPort>) {
    const { app, derivation, cache, world, honest } = await cached();
    const reasons: string[] = [];
    const result = await runRealise({
      world,
      derivation,
      roots: [app],
      substituters: [{ ...honest, ...change(honest, cache) }],
      emit: (event) => event._tag === "SubstituterTrouble" && reasons.push(event.reason),
    });
    expect(result.failures).toEqual([]);
    expect(world.objects.get(pathOf(world, app))?.content).toBe(cache.objects.get(pathOf(cache, app))?.content);
    expect([...world.scratchFiles]).toEqual([]);
    return { ...result, reasons };
  }

  const changed =
    (change: (info: ObjectInfo) => ObjectInfo) =>
    (_: SubstituterPort, cache: World): Partial<SubstituterPort> => ({
      object: (path) => async () => {
        const object = cache.objects.get(path);
        return right(object === undefined ? undefined : change(object.info));
      },
    });
  const phantom = storePath("phantom", "phantom");

  test("that offer a circle of references are not believed", async () => {
    const circle = await hostile(changed((info) => ({ ...info, references: [phantom, info.path] })));
    expect(circle.built).toEqual(["zlib", "app"]);
  });

  test("that offer an object without all that it refers to are not believed", async () => {
    const result = await hostile(changed((info) => ({ ...info, references: [...info.references, phantom] })));
    expect(result.built).toEqual(["zlib", "app"]);
  });

  test("that offer more references than fit on a stack do no harm", async () => {
    const references = Array.from({ length: 200_000 }, () => phantom);
    expect((await hostile(changed((info) => ({ ...info, references })))).built).toEqual(["zlib", "app"]);
  });

  test("that answer with another object than was asked for are not believed", async () => {
    const result = await hostile((_, cache) => ({
      object: () => async () =>
        right([...cache.objects.values()].find(({ info }) => info.path.endsWith("-zlib"))?.info),
    }));
    expect(result.built).toEqual(["app"]);
    expect(result.reasons.length).toBeGreaterThan(0);
  });

  test("that give other bytes than the path promises are reported, and the object is built", async () => {
    const result = await hostile((honest, cache) => ({
      fetch: (info, file, onBytes) =>
        honest.fetch({ ...info, path: [...cache.objects.keys()][0] as StorePath }, file, onBytes),
    }));
    expect(result.built).toEqual(["zlib", "app"]);
    expect(result.reasons).toEqual([expect.stringMatching(/-zlib: other bytes$/)]);
  });

  test("that fail are passed over: the next one is asked", async () => {
    const { app, derivation, cache } = await cached();
    const world = createWorld({ behaviour: smallBehaviour });
    const broken = createWorld({ behaviour: smallBehaviour, fails: ({ port }) => port === "substituter" });
    const result = await runRealise({
      world,
      derivation,
      roots: [app],
      substituters: [broken.substituterOf(cache, "broken"), world.substituterOf(cache, "good")],
    });
    expect(result).toMatchObject({ built: [], fetched: ["zlib", "app"] });
  });

  test("that disagree with a realisation of this store lose", async () => {
    const { app, zlib, derivation } = library();
    const differently: Behaviour = (drv, read) =>
      drv.name === "zlib" ? { out: "built elsewhere" } : smallBehaviour(drv, read);
    const cache = smallWorld(differently);
    await runRealise({ world: cache, derivation, roots: [app] });
    const world = smallWorld();
    await runRealise({ world, derivation, roots: [zlib] });
    const own = pathOf(world, zlib);
    // The cache's app refers to the cache's library: taking it would put two libraries into one closure.
    cache.realisations.delete(contentKey(out(app)));
    const result = await runRealise({ world, derivation, roots: [app], substituters: [world.substituterOf(cache)] });
    expect(result.built).toEqual(["app"]);
    expect(world.objects.get(pathOf(world, app))?.info.references).toEqual([own]);
    expect(pathOf(world, zlib)).toBe(own);
  });

  test("are asked for no more than they need be: one realisation, and each object of the closure once", async () => {
    const { app, derivation, world, honest } = await cached();
    await runRealise({ world, derivation, roots: [app], substituters: [honest] });
    const asked = world.calls.filter(({ port }) => port === "substituter");
    expect(asked.map(({ method, subject }) => `${method} ${subject.split("-").at(-1)}`)).toEqual([
      `realisation ${contentKey(out(app))}`,
      "object app",
      "object zlib",
      "fetch zlib",
      "fetch app",
    ]);
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
    expect(world.calls.length).toBeLessThan(6 * SIZE);

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
    expect(world.calls.length).toBeLessThan(6 * SIZE);
  });
});

test("a realisation key names the promise where there is one, and the derivation where there is none", () => {
  const { zlib, source, derivation } = library();
  expect(realisationKey(derivation(zlib), zlib, "out")).toBe(`drv:${drvHash(derivation(zlib))}:out`);
  expect(realisationKey(derivation(source), source, "out")).toMatch(/^fixed:sha256:[0-9a-f]{64}:flat:zlib\.tar$/);
});
