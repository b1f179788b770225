/** The graph of objects as numbers, held against the same in plain words. */
import { baseName, compareUtf8, encodeObjectInfo, type ObjectInfo, type StorePath, storePath } from "@cab/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Tables } from "./database.ts";
import { StoreException } from "./failure.ts";
import { readObjectGraph } from "./object-graph.ts";

/** By path, the paths that it refers to. */
type Graph = ReadonlyMap<StorePath, readonly StorePath[]>;

function tablesOf(graph: Graph): Tables {
  const rows = [...graph].map(([path, references]) => {
    const info: ObjectInfo = {
      ...{ path, kind: "file", digest: "1".repeat(64), namingDigest: "2".repeat(64), selfDigest: null, size: 1 },
      references,
      deriver: null,
    };
    return { key: baseName(path), record: Buffer.from(encodeObjectInfo(info)) };
  });
  const sorted = rows.sort((a, b) => compareUtf8(a.key, b.key));
  return { objects: () => sorted } as Partial<Tables> as Tables;
}

const graphs: fc.Arbitrary<Graph> = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 40 }).map((nodes) => {
  const paths = nodes.map((_, i) => storePath(`node ${i}`, `n${i}`));
  return new Map(
    nodes.map((references, i) => [
      paths[i] as StorePath,
      [...new Set(i === 0 ? [] : references.map((n) => paths[n % i] as StorePath))],
    ]),
  );
});

const closureOf = (graph: Graph, roots: readonly StorePath[]): Set<StorePath> => {
  const reached = new Set(roots);
  for (const path of reached) for (const reference of graph.get(path) ?? []) reached.add(reference);
  return reached;
};

test("reaches what roots refer to, and orders the rest so that each comes after all that refer to it", () =>
  fc.assert(
    fc.property(graphs, fc.func(fc.boolean()), (graph, isRoot) => {
      const roots = [...graph.keys()].filter((path) => isRoot(path));
      const elsewhere = storePath("elsewhere", "unknown");
      const read = readObjectGraph(tablesOf(graph));
      const order = read.referrersFirst(read.reached([...roots, elsewhere]));
      const live = closureOf(graph, roots);
      const dead = [...graph.keys()].filter((path) => !live.has(path));
      expect([...order].sort()).toEqual(dead.sort());
      const place = new Map(order.map((path, i) => [path, i]));
      for (const [path, references] of graph) {
        for (const reference of references) {
          if (!place.has(reference)) continue;
          expect(place.get(path)).toBeLessThan(place.get(reference) as number);
        }
      }
    }),
  ));

test("a reference to nothing is damage: nothing is collected by such a graph", () => {
  const path = storePath("a", "a");
  const tables = tablesOf(new Map([[path, [storePath("gone", "gone")]]]));
  expect(() => readObjectGraph(tables)).toThrow(StoreException);
});

test("objects whose hashes begin alike live and die together", () => {
  const twin = (last: string, name: string): StorePath => `/cab/store/${"z".repeat(31)}${last}-${name}` as StorePath;
  const [a, b, other] = [twin("0", "a"), twin("1", "b"), storePath("other", "other")];
  const read = readObjectGraph(
    tablesOf(
      new Map([
        [a, []],
        [b, []],
        [other, []],
      ]),
    ),
  );
  expect(read.referrersFirst(read.reached([b]))).toEqual([other]);
  expect([...read.referrersFirst(read.reached([other]))].sort()).toEqual([a, b]);
});
