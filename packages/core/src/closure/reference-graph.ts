/** Walks over the graph of references between store objects. All iterative: a chain may be any length. Knows no bytes. */
import { compareUtf8 } from "../bytes.ts";
import type { ObjectInfo } from "../object.ts";
import { type StorePath, sortedPaths } from "../store-path.ts";

/** A valid object; undefined for one that is not here. */
export type ObjectOf = (path: StorePath) => ObjectInfo | undefined;

/**
 * What is here of the closure of these roots, each object behind all that it refers to. The order follows from the roots
 * and the references alone.
 */
export function referencesFirst(roots: Iterable<StorePath>, object: ObjectOf): ObjectInfo[] {
  const ordered: ObjectInfo[] = [];
  const entered = new Set<StorePath>();
  const way: { readonly info: ObjectInfo; next: number }[] = [];
  const enter = (path: StorePath): void => {
    if (entered.has(path)) return;
    entered.add(path);
    const info = object(path);
    if (info !== undefined) way.push({ info, next: 0 });
  };
  for (const root of roots) {
    enter(root);
    for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
      const reference = top.info.references[top.next++];
      if (reference !== undefined) enter(reference);
      else ordered.push((way.pop() as typeof top).info);
    }
  }
  return ordered;
}

/**
 * The shortest ways along references from one object to another, each with both ends, in the order of their paths. There
 * can be very many, so they are found as they are asked for; none if there is no way.
 */
export function* shortestWaysBetween(from: StorePath, to: StorePath, object: ObjectOf): Generator<StorePath[], void> {
  // Breadth first up to the distance of `to`; then back along objects that are one step nearer each.
  const distances = new Map<StorePath, number>([[from, 0]]);
  const nearer = new Map<StorePath, StorePath[]>();
  for (const path of distances.keys()) {
    const distance = (distances.get(path) as number) + 1;
    if (distance > (distances.get(to) ?? Number.POSITIVE_INFINITY)) break;
    for (const reference of object(path)?.references ?? []) {
      if (!distances.has(reference)) distances.set(reference, distance);
      if (distances.get(reference) === distance) append(nearer, reference, path);
    }
  }
  if (!distances.has(to)) return;
  const onAWay = onWays(to, nearer);
  const steps = (path: StorePath): StorePath[] => sortedPaths(onAWay.get(path) ?? []);
  const way = [{ path: from, next: steps(from) }];
  for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
    if (top.path === to) yield way.map(({ path }) => path);
    const step = top.next.shift();
    if (step === undefined) way.pop();
    else way.push({ path: step, next: steps(step) });
  }
}

/** For each object on some way to `to`, its next steps on such a way. */
function onWays(
  to: StorePath,
  nearer: ReadonlyMap<StorePath, readonly StorePath[]>,
): ReadonlyMap<StorePath, readonly StorePath[]> {
  const steps = new Map<StorePath, StorePath[]>([[to, []]]);
  for (const path of steps.keys()) {
    for (const before of nearer.get(path) ?? []) append(steps, before, path);
  }
  return steps;
}

function append(lists: Map<StorePath, StorePath[]>, key: StorePath, item: StorePath): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/**
 * The objects that would have no referrer left outside of the closure of `root` if `root` were not there: what is in the
 * store because of it alone. `all` is every valid object.
 */
export function onlyBecauseOf(root: StorePath, all: Iterable<StorePath>, object: ObjectOf): ObjectInfo[] {
  const closure = referencesFirst([root], object);
  const inside = new Set(closure.map(({ path }) => path));
  const reached = new Set<StorePath>();
  for (const path of all) if (!inside.has(path)) reached.add(path);
  for (const path of reached) {
    for (const reference of object(path)?.references ?? []) if (reference !== root) reached.add(reference);
  }
  return closure.filter(({ path }) => !reached.has(path)).sort((a, b) => compareUtf8(a.path, b.path));
}

/** In bytes, of the objects' files as each of them has them, shared or not. */
export const totalSize = (objects: Iterable<ObjectInfo>): number => {
  let size = 0;
  for (const info of objects) size += info.size;
  return size;
};
