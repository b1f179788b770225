/** What is looked up, built, and built again. Order and failures: schedule.test.ts; substituters: substitute.test.ts. */
import { describe, expect, test } from "vitest";
import { type DrvHash, type DrvOutput, drvHash } from "../derivation.ts";
import { contentKey, realisationKey } from "../realisation.ts";
import { out, runPlan, runRealise } from "../testing/run.ts";
import { library, pathOf, ranNames, smallBehaviour, smallGraph, smallWorld } from "../testing/small-graph.ts";
import type { RealiseEvent } from "./event.ts";

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
    expect(second).toEqual({ outputs: first.outputs, built: [], fetched: [], cutoff: [], elsewhere: [], failures: [] });
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
    expect(ranNames(world)).toEqual(["file"]);
    const planned = await runPlan({ world, derivation, roots: [app], sandboxTools: out(bwrap) });
    expect(new Set(planned.build)).toEqual(new Set(["app", "bwrap"]));
    await runRealise({ world, derivation, roots: [app], sandboxTools: out(bwrap) });
    expect(ranNames(world)).toEqual(["file", "bwrap", "app"]);
  });

  test("a root file system is there before the build, and is no input", async () => {
    const graph = smallGraph();
    const seed = graph.add({ name: "seed", write: "debian", builder: "builtin:unpack@1" });
    const app = graph.add({ name: "app", write: "app", rootfs: out(seed) });
    const world = smallWorld();
    await runRealise({ world, derivation: graph.derivation, roots: [app] });
    expect(ranNames(world)).toEqual(["seed", "app"]);
    expect(world.objects.get(pathOf(world, app))?.info.references).toEqual([]);
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

test("a realisation key names the promise where there is one, and the derivation where there is none", () => {
  const { zlib, source, derivation } = library();
  expect(realisationKey(derivation(zlib), zlib, "out")).toBe(`drv:${drvHash(derivation(zlib))}:out`);
  expect(realisationKey(derivation(source), source, "out")).toMatch(/^fixed:sha256:[0-9a-f]{64}:flat:zlib\.tar$/);
});
