/** What two closures have and the other has not, matched by package and output. Knows records of objects only. */
import { compareUtf8 } from "../bytes.ts";
import type { ObjectInfo } from "../object.ts";
import { type PackageName, packageName } from "./package-name.ts";

export interface ObjectChange {
  readonly package: Pick<PackageName, "name" | "output">;
  /** Null if it was added. */
  readonly before: ObjectInfo | null;
  /** Null if it was removed. */
  readonly after: ObjectInfo | null;
}

/**
 * Changes in the order of package, output and path; objects that both have are none. Where a closure holds several of
 * one package, those of equal version belong together, and the others in the order of their paths.
 */
export function diffClosures(before: readonly ObjectInfo[], after: readonly ObjectInfo[]): ObjectChange[] {
  const inBefore = new Set(before.map(({ path }) => path));
  const inAfter = new Set(after.map(({ path }) => path));
  const removed = byPackage(before.filter(({ path }) => !inAfter.has(path)));
  const added = byPackage(after.filter(({ path }) => !inBefore.has(path)));
  const changes: ObjectChange[] = [];
  for (const key of [...new Set([...removed.keys(), ...added.keys()])].sort(compareUtf8)) {
    const old = removed.get(key) ?? [];
    const fresh = added.get(key) ?? [];
    for (const [one, other] of pairs(old, fresh)) {
      const { name, output } = packageName((one ?? (other as ObjectInfo)).path);
      changes.push({ package: { name, output }, before: one, after: other });
    }
  }
  return changes;
}

/** Sorts before every character of a name, so that `a` comes before `a-b`. */
const BETWEEN = "\0";

function byPackage(objects: readonly ObjectInfo[]): Map<string, ObjectInfo[]> {
  const groups = new Map<string, ObjectInfo[]>();
  for (const info of objects.toSorted((a, b) => compareUtf8(a.path, b.path))) {
    const { name, output } = packageName(info.path);
    const key = `${name}${BETWEEN}${output}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [info]);
    else group.push(info);
  }
  return groups;
}

type Pair = readonly [ObjectInfo | null, ObjectInfo | null];

function pairs(before: readonly ObjectInfo[], after: readonly ObjectInfo[]): Pair[] {
  const left = [...after];
  const matched = new Map<ObjectInfo, ObjectInfo>();
  const take = (one: ObjectInfo, index: number): void => {
    if (index !== -1) matched.set(one, left.splice(index, 1)[0] as ObjectInfo);
  };
  const versionOf = (info: ObjectInfo): string => packageName(info.path).version;
  for (const one of before) {
    take(
      one,
      left.findIndex((other) => versionOf(other) === versionOf(one)),
    );
  }
  for (const one of before) if (!matched.has(one) && left.length > 0) take(one, 0);
  return [...before.map((one): Pair => [one, matched.get(one) ?? null]), ...left.map((other): Pair => [null, other])];
}
