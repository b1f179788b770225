import { describe, expect, test } from "vitest";
import type { DrvHash } from "../derivation.ts";
import { nativePlatform } from "../platform.ts";
import { instantiated } from "../testing/instantiated.ts";
import { decodeGraph, evaluateRecipes, type RealmHost } from "./evaluate.ts";
import { contentAddressed, definePackage } from "./package.ts";
import { fetchKey, fetchUrl } from "./source.ts";

const host: RealmHost = {
  platform: nativePlatform("x86_64-linux"),
  pin: () => undefined,
  collect: false,
  local: () => ({ mode: "flat", digest: "b".repeat(64) }),
  onFetch: () => {},
  onOptions: () => {},
};

const packageOf = (name: string, ...inputs: ReturnType<typeof definePackage>[]) =>
  definePackage({ name }, () => ({
    name,
    builder: "/bin/sh",
    env: { inputs },
    rootfs: null,
    outputs: contentAddressed(["out"]),
  }));

const zlib = packageOf("zlib");
const curl = packageOf("curl", zlib);

describe("evaluating recipes", () => {
  test("gives roots and a graph that reads back", () => {
    const { roots, graph } = evaluateRecipes({ recipes: [{ name: "curl", value: curl }], workspace: undefined }, host);
    const expected = instantiated([curl], { ...host, pin: () => expect.fail("nothing is fetched") });
    expect(roots).toEqual([{ name: "curl", drv: expected.roots[0] }]);
    const derivation = decodeGraph(Buffer.from(graph).toString("latin1"));
    const hashes = [...expected.derivations.keys()];
    expect(hashes.map(derivation)).toEqual([...expected.derivations.values()]);
    expect(derivation("0".repeat(64) as DrvHash)).toBeUndefined();
  });

  test("tells of a fetch before it fails on a missing pin", () => {
    const told: string[] = [];
    const recipes = [{ name: "x", value: fetchUrl("https://example.org/x.tar") }];
    const onFetch: RealmHost["onFetch"] = (request) => told.push(fetchKey(request));
    expect(() => evaluateRecipes({ recipes, workspace: undefined }, { ...host, onFetch })).toThrow(
      expect.objectContaining({ failure: { _tag: "NotLocked", key: "https://example.org/x.tar" } }),
    );
    expect(told).toEqual(["https://example.org/x.tar"]);
  });

  test.each([
    [undefined, "missing"],
    [null, "not a package"],
    [Promise.resolve(curl), "not a package"],
    [{ name: "curl" }, "not a package"],
    [() => curl, "not a package"],
  ])("refuses the default export %s", (value, what) => {
    expect(() => evaluateRecipes({ recipes: [{ name: "curl", value }], workspace: undefined }, host)).toThrow(
      expect.objectContaining({
        failure: expect.objectContaining({ reason: `the default export of curl is ${what}` }),
      }),
    );
  });
});

test("a graph that this engine did not write is a bug of the caller", () => {
  const evaluated = evaluateRecipes({ recipes: [{ name: "curl", value: curl }], workspace: undefined }, host);
  const graph = Buffer.from(evaluated.graph).toString("latin1");
  const otherFormat = graph.replaceAll("cab-derivation@1", "cab-derivation@2");
  const unknown = "0".repeat(64) as DrvHash;
  for (const bytes of ["", graph.slice(0, -1), `${graph}n`, otherFormat]) {
    expect(() => decodeGraph(bytes)(unknown)).toThrow("BUG");
  }
  // What comes before the damage is read.
  const root = evaluated.roots[0]?.drv as DrvHash;
  expect(decodeGraph(graph.slice(0, -1))(root)).toEqual(decodeGraph(graph)(root));
});
