/** What comes from substituters: honest, hostile, broken. */
import { right } from "fp-ts/lib/Either.js";
import { describe, expect, test } from "vitest";
import type { ObjectInfo } from "../object.ts";
import type { SubstituterPort } from "../ports.ts";
import { contentKey } from "../realisation.ts";
import { type StorePath, storePath } from "../store-path.ts";
import { type Behaviour, createWorld, type World } from "../testing/memory-world.ts";
import { out, runRealise } from "../testing/run.ts";
import { library, pathOf, smallBehaviour, smallWorld } from "../testing/small-graph.ts";

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
