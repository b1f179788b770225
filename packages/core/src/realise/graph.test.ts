import fc from "fast-check";
import { expect, test } from "vitest";
import type { DrvHash } from "../derivation.ts";
import { graphOf, graphSpec } from "../testing/random-graph.ts";
import { smallGraph } from "../testing/small-graph.ts";
import { criticalRanks, namesDownTo, neededDrvs, shortestWays, topological } from "./graph.ts";

test("a topological order has everything needed, once, each after what it needs", () =>
  fc.assert(
    fc.property(graphSpec({ failing: false }), (specs) => {
      const { hashes, derivation } = graphOf(specs);
      const order = topological([hashes.at(-1) as DrvHash], derivation);
      const place = new Map(order.map((hash, i) => [hash, i]));
      expect(place.size).toBe(order.length);
      expect(order.at(-1)).toBe(hashes.at(-1));
      for (const hash of order) {
        for (const need of neededDrvs(derivation(hash))) {
          expect(place.get(need)).toBeLessThan(place.get(hash) as number);
        }
      }
    }),
  ));

test("the rank of a derivation is the longest way from its start to the end", () => {
  const graph = smallGraph();
  const a = graph.add({ name: "a", write: "" });
  const b = graph.add({ name: "b", write: "", inputs: [a] });
  const c = graph.add({ name: "c", write: "", inputs: [a, b] });
  const seconds: Record<string, number> = { a: 1, b: 10, c: 100 };
  const ranks = criticalRanks([c], graph.derivation, (drv) => seconds[drv.name] as number);
  expect([a, b, c].map((hash) => ranks.get(hash))).toEqual([111, 110, 100]);
});

test("the way down to a derivation is the shortest", () => {
  const graph = smallGraph();
  const a = graph.add({ name: "a", write: "" });
  const b = graph.add({ name: "b", write: "", inputs: [a] });
  const c = graph.add({ name: "c", write: "", inputs: [b] });
  const d = graph.add({ name: "d", write: "", inputs: [c, b] });
  const alone = graph.add({ name: "alone", write: "" });
  const ways = shortestWays([d], graph.derivation);
  expect(namesDownTo(a, ways, graph.derivation)).toEqual(["d", "b", "a"]);
  expect(namesDownTo(d, ways, graph.derivation)).toEqual(["d"]);
  expect(namesDownTo(alone, ways, graph.derivation)).toEqual(["alone"]);
});
