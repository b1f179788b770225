import { left, right } from "fp-ts/lib/Either.js";
import { describe, expect, it } from "vitest";
import { importOrder } from "./import-order.ts";

const order = (graph: Readonly<Record<string, readonly string[]>>) => importOrder("a", (module) => graph[module] ?? []);

describe("importOrder", () => {
  it("puts a module behind all that it imports, in the order of its imports", () => {
    expect(order({ a: ["c", "b"], b: ["d"], c: ["d"], unused: ["a"] })).toEqual(right(["d", "c", "b", "a"]));
  });

  it("shows a cycle", () => {
    expect(order({ a: ["b"], b: ["c", "d"], d: ["e"], e: ["b"] })).toEqual(left(["b", "d", "e", "b"]));
    expect(order({ a: ["a"] })).toEqual(left(["a", "a"]));
  });

  it("takes a chain of any length", () => {
    const length = 100_000;
    const chain = importOrder("0", (module) => (Number(module) < length ? [String(Number(module) + 1)] : []));
    expect(chain).toMatchObject({ _tag: "Right", right: { length: length + 1 } });
  });
});
