import fc from "fast-check";
import { expect, test } from "vitest";
import type { ObjectInfo } from "../object.ts";
import { type StorePath, storePath } from "../store-path.ts";
import { type ObjectOf, onlyBecauseOf, referencesFirst, shortestWaysBetween, totalSize } from "./reference-graph.ts";

const pathOf = (number: number): StorePath => storePath(`object ${number}`, `object-${number}`);

/** Objects 0, 1, 2, …: each refers to some of those before it. */
function graphOf(references: readonly (readonly number[])[]): { paths: StorePath[]; object: ObjectOf } {
  const infos = references.map((numbers, i): ObjectInfo => {
    const before = i === 0 ? [] : [...new Set(numbers.map((number) => number % i))];
    const digest = "0".repeat(64);
    const named = { path: pathOf(i), kind: "file", digest, namingDigest: digest, selfDigest: null } as const;
    return { ...named, size: 2 ** i, references: before.map(pathOf).sort(), deriver: null };
  });
  const objects = new Map(infos.map((info) => [info.path, info]));
  return { paths: infos.map(({ path }) => path), object: (path) => objects.get(path) };
}

const anyGraph = fc
  .array(fc.array(fc.nat({ max: 20 }), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .map((references) => graphOf(references));

/** Everything reachable, by the definition. */
function reachable(from: readonly StorePath[], object: ObjectOf, without?: StorePath): Set<StorePath> {
  const reached = new Set(from);
  for (const path of reached) {
    for (const reference of object(path)?.references ?? []) if (reference !== without) reached.add(reference);
  }
  return reached;
}

/** Every way, by the definition. */
const allWays = (from: StorePath, to: StorePath, object: ObjectOf): StorePath[][] =>
  from === to
    ? [[to]]
    : (object(from)?.references ?? []).flatMap((next) => allWays(next, to, object).map((way) => [from, ...way]));

test("a closure has all that is reachable, once, each behind what it refers to", () =>
  fc.assert(
    fc.property(anyGraph, fc.array(fc.nat()), ({ paths, object }, chosen) => {
      const roots = chosen.map((number) => paths[number % paths.length] as StorePath);
      const closure = referencesFirst(roots, object);
      expect(new Set(closure.map(({ path }) => path))).toEqual(reachable(roots, object));
      const seen = new Set<StorePath>();
      for (const { path, references } of closure) {
        expect(seen.has(path)).toBe(false);
        for (const reference of references) expect(seen.has(reference)).toBe(true);
        seen.add(path);
      }
    }),
  ));

test("a chain of any length is no deeper than another", () => {
  const { paths, object } = graphOf(Array.from({ length: 50_000 }, (_, i) => [i - 1]));
  const last = paths.at(-1) as StorePath;
  expect(referencesFirst([last], object)).toHaveLength(50_000);
  const [way] = shortestWaysBetween(last, paths[0] as StorePath, object);
  expect(way).toHaveLength(50_000);
});

test("the shortest ways are those of all ways that are shortest, in order", () =>
  fc.assert(
    fc.property(anyGraph, fc.nat(), fc.nat(), ({ paths, object }, a, b) => {
      const from = paths[a % paths.length] as StorePath;
      const to = paths[b % paths.length] as StorePath;
      const all = allWays(from, to, object);
      const shortest = Math.min(...all.map(({ length }) => length));
      const expected = all.filter(({ length }) => length === shortest).sort();
      expect([...shortestWaysBetween(from, to, object)]).toEqual(expected);
    }),
  ));

test("ways that are too many to list are found as they are asked for", () => {
  // Forty layers of two objects, each referring to both of the layer below: 2^40 ways.
  const layers = Array.from({ length: 81 }, (_, i) => {
    const layer = Math.ceil(i / 2);
    return layer <= 1 ? [0] : [2 * layer - 3, 2 * layer - 2];
  });
  const { paths, object } = graphOf([...layers, [79, 80]]);
  const ways = shortestWaysBetween(paths.at(-1) as StorePath, paths[0] as StorePath, object);
  expect(ways.next().value).toHaveLength(42);
});

test("there because of one alone is what the others do not reach without it", () =>
  fc.assert(
    fc.property(anyGraph, fc.nat(), ({ paths, object }, number) => {
      const root = paths[number % paths.length] as StorePath;
      const closure = reachable([root], object);
      const others = reachable(
        paths.filter((path) => !closure.has(path)),
        object,
        root,
      );
      const expected = [...closure].filter((path) => !others.has(path)).sort();
      expect(onlyBecauseOf(root, paths, object).map(({ path }) => path)).toEqual(expected);
    }),
  ));

test("what a role's other inputs need is not there because of one of them alone", () => {
  // libc (0) ← openssl (1) ← openldap (2), libc ← sasl (3) ← openldap; openldap and openssl ← role (4); libc ← other (5).
  const { paths, object } = graphOf([[], [0], [], [0], [], [0]]);
  const [libc, openssl, openldap, sasl, role] = paths as [StorePath, StorePath, StorePath, StorePath, StorePath];
  const edges = new Map([
    [openldap, [openssl, sasl]],
    [role, [openldap, openssl]],
  ]);
  const linked: ObjectOf = (path) => {
    const info = object(path);
    const references = edges.get(path);
    return info === undefined || references === undefined ? info : { ...info, references };
  };
  const alone = (path: StorePath): Set<StorePath> =>
    new Set(onlyBecauseOf(path, paths, linked).map((info) => info.path));
  expect(alone(openldap)).toEqual(new Set([openldap, sasl]));
  expect(alone(openssl)).toEqual(new Set([openssl]));
  expect(alone(role)).toEqual(new Set([role, openldap, openssl, sasl]));
  expect(alone(libc)).toEqual(new Set([libc]));
});

test("sizes add up", () => {
  const { paths, object } = graphOf([[], [0], [1]]);
  expect(totalSize(referencesFirst([paths[1] as StorePath], object))).toBe(3);
});
