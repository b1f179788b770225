/**
 * Realising random graphs, held against two models: one that rebuilds everything (what is right) and one that says which
 * builds are necessary (what is minimal). Deliberately wrong schedulers must fail the same properties.
 */
import fc from "fast-check";
import * as TE from "fp-ts/lib/TaskEither.js";
import { describe, expect, test } from "vitest";
import { type DrvHash, isBuiltin } from "../derivation.ts";
import type { StorePort } from "../ports.ts";
import { predictedPath, type RealisationKey } from "../realisation.ts";
import type { StorePath } from "../store-path.ts";
import { closureOf } from "../testing/memory-object.ts";
import { createWorld, type World } from "../testing/memory-world.ts";
import { expectedWork, rebuildEverything, type Truth } from "../testing/oracle.ts";
import { type Graph, graphBehaviour, graphOf, graphSpec, type NodeSpec } from "../testing/random-graph.ts";
import { out, type Realiser, type Run, runPlan, runRealise } from "../testing/run.ts";
import { topological } from "./graph.ts";
import { type Realised, realise } from "./realise.ts";

const jobs = fc.constantFrom(1, 2, 8);

const ALL = 12;

/** All nodes, or the last one and perhaps another. */
const rootsOf = ({ hashes }: Graph, other: number): DrvHash[] => [
  ...new Set(other === ALL ? hashes : [hashes.at(-1) as DrvHash, hashes[other % hashes.length] as DrvHash]),
];

/** The first builtin that needs nothing but builtins, if there is one: what could hold the sandbox's programs. */
const toolsOf = ({ hashes, derivation }: Graph): Run["sandboxTools"] => {
  const tools = hashes.find((hash) => topological([hash], derivation).every((need) => isBuiltin(derivation(need))));
  return tools === undefined ? null : out(tools);
};

interface Scene {
  readonly graph: Graph;
  readonly roots: readonly DrvHash[];
  readonly truth: Truth;
  readonly tools: Run["sandboxTools"];
}

function sceneOf(specs: readonly NodeSpec[], other: number): Scene {
  const graph = graphOf(specs);
  const roots = rootsOf(graph, other);
  const tools = toolsOf(graph) ?? null;
  const everything = [...roots, ...(tools === null ? [] : [tools.drv])];
  return { graph, roots, tools, truth: rebuildEverything(everything, graph.derivation, graphBehaviour) };
}

const runOf = ({ graph, roots, tools }: Scene, world: World): Run => ({
  world,
  derivation: graph.derivation,
  roots,
  sandboxTools: tools ?? null,
  jobs: 2,
  keepGoing: true,
});

/** Whatever happened: what is registered is whole, what was returned is right, nothing was left behind. */
function expectSound(world: World, { roots, truth }: Scene, result: Realised): void {
  roots.forEach((root, i) => {
    const paths = result.outputs[i];
    if (paths === undefined) return;
    expect({ ...paths }).toEqual(truth.derivations.get(root)?.paths);
    for (const path of closureOf([paths.out as StorePath], truth.objects)) {
      expect(world.objects.get(path)?.content).toBe(truth.objects.get(path)?.content);
    }
  });
  for (const { info } of world.objects.values()) {
    for (const reference of info.references) expect(world.objects.has(reference)).toBe(true);
  }
  expect([...world.scratchFiles]).toEqual([]);
}

/** Without substituters and losses, what is recorded is there. */
function expectWholeRecords(world: World): void {
  for (const path of world.realisations.values()) expect(world.objects.has(path)).toBe(true);
}

const stateOf = (world: World) => ({
  realisations: new Set(world.realisations.keys()),
  objects: new Set(world.objects.keys()),
});

const workOf = (scene: Scene, before: { realisations: ReadonlySet<RealisationKey>; objects: ReadonlySet<StorePath> }) =>
  expectedWork({
    roots: scene.roots.map(out),
    tools: scene.tools ?? null,
    derivation: scene.graph.derivation,
    truth: scene.truth,
    ...before,
  });

/** The builds that ran, by the key of their first output, from the `from`th on. */
function buildsOf(world: World, { truth }: Scene, from = 0): Set<RealisationKey> {
  const keys = new Map([...truth.derivations.values()].map(({ resolved, key }) => [resolved, key]));
  return new Set(world.ran.slice(from).map(({ resolved }) => keys.get(resolved) as RealisationKey));
}

/** A leaf's content, a comment, or a mirror changes. */
const change = (specs: readonly NodeSpec[], node: number, what: "salt" | "comment"): NodeSpec[] =>
  specs.map((spec, i) => (i === node % specs.length ? { ...spec, [what]: spec[what] + 1 } : spec));

const changes = fc.record({ node: fc.nat(11), what: fc.constantFrom("salt", "comment") });

/** Builds a graph, changes one node, builds again: right, and minimal, both times. */
const rightAndMinimal = (realiser: Realiser) =>
  fc.asyncProperty(graphSpec({ failing: false }), fc.nat(ALL), changes, jobs, async (specs, other, changed, count) => {
    const world = createWorld({ behaviour: graphBehaviour });
    let built = 0;
    for (const state of [specs, specs, change(specs, changed.node, changed.what)]) {
      const scene = sceneOf(state, other);
      const { builds } = workOf(scene, stateOf(world));
      const result = await runRealise({ ...runOf(scene, world), jobs: count }, realiser);
      expect(result.failures).toEqual([]);
      expect(result.outputs).not.toContain(undefined);
      expectSound(world, scene, result);
      expect(buildsOf(world, scene, built)).toEqual(builds);
      built = world.ran.length;
    }
  });

const withStore =
  (wrong: (store: StorePort) => StorePort): Realiser =>
  (request) =>
  (ports) =>
    realise(request)({ ...ports, store: wrong(ports.store) });

describe("realising a random graph", () => {
  test("gives what rebuilding everything gives, and builds only what is necessary, again after a change", () =>
    fc.assert(rightAndMinimal(realise), { numRuns: 1000 }));

  test("the property fails a scheduler that takes a fixed output for the last one of its name", async () => {
    const byName = new Map<string, StorePath>();
    const trusting = withStore((store) => ({
      ...store,
      realisation: (key) => {
        const name = key.split(":").at(-1) as string;
        const found = store.realisation(key);
        if (!key.startsWith("fixed:")) return found;
        if (found !== undefined && !byName.has(name)) byName.set(name, found);
        return byName.get(name);
      },
    }));
    expect(await fc.check(rightAndMinimal(trusting), { numRuns: 1000 })).toMatchObject({ failed: true });
  });

  test("the property fails a scheduler that never looks up resolved derivations", async () => {
    const forgetful: Realiser = (request) => (ports) => {
      const asked = new Set<string>();
      const derivation = (hash: DrvHash) => {
        asked.add(hash);
        return request.derivation(hash);
      };
      const realisation: StorePort["realisation"] = (key) =>
        asked.has(key.split(":")[1] as string) || key.startsWith("fixed:") ? ports.store.realisation(key) : undefined;
      return realise({ ...request, derivation })({ ...ports, store: { ...ports.store, realisation } });
    };
    expect(await fc.check(rightAndMinimal(forgetful), { numRuns: 1000 })).toMatchObject({ failed: true });
  });

  test("the property fails a scheduler that hands out a recorded path without asking whether the object is there", async () => {
    const rash = withStore((store) => ({
      ...store,
      object: (path) =>
        store.object(path) ?? {
          path,
          kind: "file",
          digest: "",
          namingDigest: "",
          selfDigest: null,
          size: 0,
          references: [],
          deriver: null,
        },
    }));
    expect(await fc.check(rightAndMinimal(rash), { numRuns: 1000 })).toMatchObject({ failed: true });
  });

  test("gives the same store with 1, 2 and 8 jobs", () =>
    fc.assert(
      fc.asyncProperty(graphSpec({ failing: false }), async (specs) => {
        const scene = sceneOf(specs, ALL);
        const stores = await Promise.all(
          [1, 2, 8].map(async (count) => {
            const world = createWorld({ behaviour: graphBehaviour });
            await runRealise({ ...runOf(scene, world), jobs: count });
            return [...world.objects.keys()].sort();
          }),
        );
        expect(stores[1]).toEqual(stores[0]);
        expect(stores[2]).toEqual(stores[0]);
      }),
    ));

  test("in whatever order builders end, no more of them run at once than there are jobs", () =>
    fc.assert(
      fc.asyncProperty(
        graphSpec({ failing: false }),
        jobs,
        fc.infiniteStream(fc.nat(100)),
        async (specs, count, picks) => {
          const scene = sceneOf(specs, ALL);
          const world = createWorld({ behaviour: graphBehaviour });
          world.hold();
          const running = runRealise({ ...runOf(scene, world), jobs: count, downloads: count });
          await world.quiet();
          for (let held = world.held(); held.length > 0; held = world.held()) {
            const downloads = held.filter((name) => name.startsWith("source")).length;
            expect(downloads).toBeLessThanOrEqual(count);
            expect(held.length - downloads).toBeLessThanOrEqual(count);
            world.release(held[picks.next().value % held.length] as string);
            await world.quiet();
          }
          expectSound(world, scene, await running);
        },
      ),
    ));

  test("with --keep-going a failure stops what depends on it and nothing else, and is reported once", () =>
    fc.assert(
      fc.asyncProperty(graphSpec({ failing: true }), fc.nat(ALL), jobs, async (specs, other, count) => {
        const scene = sceneOf(specs, other);
        const world = createWorld({ behaviour: graphBehaviour });
        const { builds, failures } = workOf(scene, stateOf(world));
        const result = await runRealise({ ...runOf(scene, world), jobs: count });
        expectSound(world, scene, result);
        expectWholeRecords(world);
        const failed = result.failures.map(({ drv }) => scene.truth.derivations.get(drv)?.resolved);
        expect(failed.length).toBe(new Set(failed).size);
        expect(new Set(failed)).toEqual(failures);
        const expected = new Set([...builds, ...[...failures].map((resolved) => keyOf(scene, resolved))]);
        expect(buildsOf(world, scene)).toEqual(expected);
      }),
      { numRuns: 500 },
    ));

  test("without it a failure ends the run: what was registered is whole, and the next run goes on from there", () =>
    fc.assert(
      fc.asyncProperty(graphSpec({ failing: true }), fc.nat(ALL), jobs, async (specs, other, count) => {
        const scene = sceneOf(specs, other);
        const world = createWorld({ behaviour: graphBehaviour });
        const { failures } = workOf(scene, stateOf(world));
        const result = await runRealise({ ...runOf(scene, world), jobs: count, keepGoing: false });
        expectSound(world, scene, result);
        expectWholeRecords(world);
        expect(result.failures.length > 0).toBe(failures.size > 0);
        for (const { drv } of result.failures) {
          expect(failures).toContain(scene.truth.derivations.get(drv)?.resolved);
        }
        const healed = sceneOf(
          specs.map((spec) => ({ ...spec, fails: false })),
          other,
        );
        const again = await runRealise(runOf(healed, world));
        expect(again.failures).toEqual([]);
        expectSound(world, healed, again);
      }),
      { numRuns: 300 },
    ));

  test("any call of a port may fail: it is reported, nothing is half registered, and the next run mends it", () =>
    fc.assert(
      fc.asyncProperty(
        graphSpec({ failing: false }),
        fc.nat(60),
        fc.constantFrom("record", "claim", "openScratch", "admitOutputs", "build"),
        fc.boolean(),
        async (specs, nth, method, keepGoing) => {
          const scene = sceneOf(specs, ALL);
          let calls = 0;
          let broke = 0;
          const world = createWorld({
            behaviour: graphBehaviour,
            fails: (call) => {
              const now = call.method === method && calls++ === nth % 8;
              if (now) broke++;
              return now;
            },
          });
          const result = await runRealise({ ...runOf(scene, world), keepGoing });
          expect(result.failures.length).toBe(broke);
          expectSound(world, scene, result);
          expectWholeRecords(world);
          const again = await runRealise(runOf(scene, world));
          expect(again.failures).toEqual([]);
          expectSound(world, scene, again);
          expect(again.outputs).not.toContain(undefined);
        },
      ),
      { numRuns: 300 },
    ));

  test("a plan names everything that is then built and fetched, and exactly that if nothing is uncertain", () =>
    fc.assert(
      fc.asyncProperty(graphSpec({ failing: false }), fc.nat(ALL), changes, async (specs, other, changed) => {
        const world = createWorld({ behaviour: graphBehaviour });
        for (const state of [specs, change(specs, changed.node, changed.what)]) {
          const scene = sceneOf(state, other);
          const planned = await runPlan(runOf(scene, world));
          const result = await runRealise(runOf(scene, world));
          const mayBuild = new Set([...planned.build, ...planned.perhaps]);
          expect(result.built.filter((name) => !mayBuild.has(name))).toEqual([]);
          const mayFetch = new Set([...planned.fetch, ...planned.perhaps]);
          expect(result.fetched.filter((name) => !mayFetch.has(name))).toEqual([]);
          if (planned.perhaps.length > 0) continue;
          expect(new Set(result.built)).toEqual(new Set(planned.build));
          expect(new Set(result.fetched)).toEqual(new Set(planned.fetch));
        }
      }),
      { numRuns: 500 },
    ));

  test("a full substituter and an empty store fetch exactly the run-time closure of the roots", () =>
    fc.assert(
      fc.asyncProperty(graphSpec({ failing: false }), fc.nat(ALL), async (specs, other) => {
        const scene = sceneOf(specs, other);
        const full = createWorld({ behaviour: graphBehaviour });
        await runRealise(runOf(scene, full));
        const world = createWorld({ behaviour: graphBehaviour });
        const run = { ...runOf(scene, world), substituters: [world.substituterOf(full)] };
        const planned = await runPlan(run);
        const result = await runRealise(run);
        expectSound(world, scene, result);
        const wanted = scene.roots.map((root) => scene.truth.derivations.get(root)?.paths?.out as StorePath);
        expect([...world.objects.keys()].sort()).toEqual(closureOf(wanted, full.objects));
        expect(world.ran).toEqual([]);
        expect(new Set(planned.fetch)).toEqual(new Set(result.fetched));
        expect([...planned.build, ...planned.perhaps]).toEqual([]);
      }),
      { numRuns: 300 },
    ));

  test("a substituter that knows or serves only some things, or breaks now and then, changes no result", () =>
    fc.assert(
      fc.asyncProperty(graphSpec({ failing: false }), fc.func(fc.boolean()), jobs, async (specs, breaks, count) => {
        const scene = sceneOf(specs, ALL);
        const full = createWorld({ behaviour: graphBehaviour });
        await runRealise(runOf(scene, full));
        const world = createWorld({
          behaviour: graphBehaviour,
          fails: ({ port, method, subject }) => port === "substituter" && breaks(method, subject),
        });
        const result = await runRealise({
          ...runOf(scene, world),
          jobs: count,
          substituters: [world.substituterOf(full)],
        });
        expect(result.failures).toEqual([]);
        expect(result.outputs).not.toContain(undefined);
        const known = new Set(
          scene.roots.flatMap((root) => Object.values(scene.truth.derivations.get(root)?.paths ?? {})),
        );
        for (const path of known) {
          if (world.objects.has(path)) expect(world.objects.get(path)?.content).toBe(full.objects.get(path)?.content);
        }
        scene.roots.forEach((root, i) => {
          expect({ ...result.outputs[i] }).toEqual(scene.truth.derivations.get(root)?.paths);
        });
        expect([...world.scratchFiles]).toEqual([]);
      }),
      { numRuns: 300 },
    ));

  test("objects lost from the store are made again, and no others", () =>
    fc.assert(
      fc.asyncProperty(graphSpec({ failing: false }), fc.func(fc.boolean()), async (specs, isLost) => {
        const scene = sceneOf(specs, ALL);
        const world = createWorld({ behaviour: graphBehaviour });
        await runRealise(runOf(scene, world));
        // An object is valid only while all that it refers to is: what refers to a lost one is lost too.
        for (const path of [...world.objects.keys()]) {
          if (closureOf([path], world.objects).some((reached) => isLost(reached))) world.objects.delete(path);
        }
        const built = world.ran.length;
        const { builds } = workOf(scene, stateOf(world));
        const result = await runRealise(runOf(scene, world));
        expect(result.failures).toEqual([]);
        expect(result.outputs).not.toContain(undefined);
        expectSound(world, scene, result);
        // Two derivations may have made the same lost object: then one of them suffices.
        for (const made of buildsOf(world, scene, built)) expect(builds).toContain(made);
      }),
      { numRuns: 300 },
    ));
});

/**
 * Builds a graph, builds it again, changes a node, builds once more, while a collector comes by at any call of a port:
 * the results are right, nothing is built twice within a run, and what a run that had something to do gave stays whole.
 */
const rightBesideCollector = (realiser: Realiser) =>
  fc.asyncProperty(
    graphSpec({ failing: false }),
    fc.nat(ALL),
    changes,
    jobs,
    fc.boolean(),
    fc.infiniteStream(fc.nat(4)),
    async (specs, other, changed, count, keepOutputs, moments) => {
      const comesBy = ({ collect }: Pick<World, "collect">): void => {
        if (moments.next().value === 0) collect();
      };
      const world = createWorld({ behaviour: graphBehaviour, meanwhile: comesBy });
      for (const state of [specs, specs, change(specs, changed.node, changed.what)]) {
        const scene = sceneOf(state, other);
        const before = world.ran.length;
        const result = await runRealise({ ...runOf(scene, world), jobs: count, keepOutputs }, realiser);
        expect(result.failures).toEqual([]);
        scene.roots.forEach((root, i) => {
          expect({ ...result.outputs[i] }).toEqual(scene.truth.derivations.get(root)?.paths);
        });
        const ran = world.ran.slice(before).map(({ resolved }) => resolved);
        expect(ran.length).toBe(new Set(ran).size);
        world.collect();
        if (keepOutputs || ran.length > 0) expectSound(world, scene, result);
        world.kept.clear();
      }
    },
  );

test("a collector that comes by at any moment changes no result, and takes nothing that a run still needs", () =>
  fc.assert(rightBesideCollector(realise), { numRuns: 1000 }));

test("with a substituter too, of which some objects are here already", () =>
  fc.assert(
    fc.asyncProperty(
      graphSpec({ failing: false }),
      fc.func(fc.boolean()),
      fc.func(fc.boolean()),
      fc.infiniteStream(fc.nat(4)),
      async (specs, isHere, isOffered, moments) => {
        const scene = sceneOf(specs, ALL);
        const full = createWorld({ behaviour: graphBehaviour });
        await runRealise(runOf(scene, full));
        const world = createWorld({
          behaviour: graphBehaviour,
          fails: ({ port, method, subject }) => port === "substituter" && method === "object" && !isOffered(subject),
          meanwhile: ({ collect }) => {
            if (moments.next().value === 0) collect();
          },
        });
        for (const [path, object] of full.objects) {
          if (closureOf([path], full.objects).every((reached) => isHere(reached))) world.objects.set(path, object);
        }
        const run = { ...runOf(scene, world), keepOutputs: true, substituters: [world.substituterOf(full)] };
        const result = await runRealise(run);
        expect(result.failures).toEqual([]);
        expect(result.outputs).not.toContain(undefined);
        world.collect();
        expectSound(world, scene, result);
      },
    ),
    { numRuns: 500 },
  ));

test.each<[string, (store: StorePort) => StorePort["keep"]]>([
  ["believes that it keeps what it did not look at again", (store) => (paths) => TE.map(() => [])(store.keep(paths))],
  ["keeps only what it admits", () => () => TE.right([])],
])("the property fails a run that %s", async (_, keep) => {
  const careless = withStore((store) => ({ ...store, keep: keep(store) }));
  expect(await fc.check(rightBesideCollector(careless), { numRuns: 1000 })).toMatchObject({ failed: true });
});

const keyOf = (scene: Scene, resolved: DrvHash): RealisationKey =>
  [...scene.truth.derivations.values()].find((rebuilt) => rebuilt.resolved === resolved)?.key as RealisationKey;

test("the random graphs do contain what the properties are about", async () => {
  const seen = { cutoff: 0, shared: 0, predicted: 0, failing: 0, rootfs: 0, self: 0 };
  for (const specs of fc.sample(graphSpec({ failing: true }), { numRuns: 500, seed: 1 })) {
    const scene = sceneOf(specs, ALL);
    const resolved = [...scene.truth.derivations.values()].map((rebuilt) => rebuilt.resolved);
    if (new Set(resolved).size < resolved.length) seen.shared++;
    for (const [hash, { paths }] of scene.truth.derivations) {
      const drv = scene.graph.derivation(hash);
      if (drv.rootfs !== null) seen.rootfs++;
      if (predictedPath(drv, "out") !== undefined) seen.predicted++;
      if (paths === undefined) seen.failing++;
    }
    for (const { info } of scene.truth.objects.values()) if (info.selfDigest !== null) seen.self++;
    const world = createWorld({ behaviour: graphBehaviour });
    await runRealise(runOf(scene, world));
    const changed = await runRealise(runOf(sceneOf(change(specs, 0, "comment"), ALL), world));
    seen.cutoff += changed.cutoff.length;
  }
  expect(Object.entries(seen).filter(([, count]) => count < 50)).toEqual([]);
});
