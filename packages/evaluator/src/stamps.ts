/**
 * What an evaluation read, and the stamps by which a later one sees that nothing of it changed. Knows `lstat` and
 * nothing of contents: those are `observe.ts`, which a memo hit does not load.
 */
import { type BigIntStats, lstatSync } from "node:fs";

/** `recipes`: of a directory only the names that decide which recipes there are; else all of its names. */
export type Listing = "all" | "recipes";

export interface Read {
  readonly path: string;
  readonly listing: Listing;
  /** Null if the file was so young that a further write might have left its stamp unchanged. */
  readonly stamp: string | null;
  /** What was read, as a digest: equal states mean that the evaluation saw the same. */
  readonly state: string;
}

/**
 * Change time is part of it: a write that restores size and modification time (`cp -p`, `touch -r`) still moves it.
 */
export const stampOfStats = (stats: BigIntStats | undefined): string =>
  stats === undefined ? "absent" : `${stats.mtimeNs}.${stats.ctimeNs}.${stats.size}.${stats.ino}`;

export function currentStamp(path: string): string | undefined {
  try {
    return stampOfStats(lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  } catch {
    // Whatever the disk refuses here (a parent that became a file, a permission) is told by the read that follows.
    return undefined;
  }
}

/** Those reads whose stamps moved, or never could be trusted. Their contents may still be the same. */
export const suspectsAmong = (reads: readonly Read[]): Read[] =>
  reads.filter((read) => read.stamp === null || read.stamp !== currentStamp(read.path));
