/**
 * Reads files and directories for an evaluation and keeps a log of what was seen, by path, stamp and digest, so that
 * the memo can tell later whether it would see the same again. Knows nothing of what the files mean.
 */
import { hash } from "node:crypto";
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { type Listing, type Read, stampOfStats, suspectsAmong } from "./stamps.ts";

export interface Entry {
  /** Raw bytes: a name need not be UTF-8. */
  readonly name: Buffer;
  readonly kind: "directory" | "file" | "other";
}

export type Observed =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "File"; readonly bytes: Buffer; readonly executable: boolean; readonly sha256: string }
  | { readonly _tag: "Link"; readonly target: Buffer }
  | { readonly _tag: "Directory"; readonly entries: readonly Entry[] }
  /** A device, a socket, a pipe. */
  | { readonly _tag: "Special" };

export interface ReadLog {
  /** What stands at `path` itself, symbolic links not followed. Throws what the disk refuses. */
  readonly look: (path: string, listing?: Listing) => Observed;
  /** A file's bytes through symbolic links, each of them recorded; undefined if there is no file. */
  readonly readFile: (path: string) => Buffer | undefined;
  /** Adds what was observed without this log. */
  readonly record: (read: Read) => void;
  readonly reads: () => Read[];
}

/**
 * Milliseconds within which two writes may carry one stamp: file systems take their time from a tick of the kernel,
 * 10 ms at its slowest.
 */
const STAMP_GRANULE = 20;

/** By absolute path: what is to be read instead of what the file holds. */
export type Edits = ReadonlyMap<string, string>;

/** `now` gives milliseconds since the epoch. */
export function readLog(now: () => number, edits: Edits = new Map()): ReadLog {
  const reads = new Map<string, Read>();
  const record = (read: Read): void => {
    const key = `${read.listing}:${read.path}`;
    if (!reads.has(key)) reads.set(key, read);
  };
  const look = (path: string, listing: Listing = "all"): Observed => {
    const { observed, read } = observe(path, listing, now);
    record(read);
    return observed;
  };
  const readFile = (path: string): Buffer | undefined => {
    const edited = edits.get(path);
    if (edited !== undefined) return Buffer.from(edited);
    const observed = look(path);
    if (observed._tag === "Link") return readFile(realpathSync(path));
    return observed._tag === "File" ? observed.bytes : undefined;
  };
  return { look, readFile, record, reads: () => [...reads.values()] };
}

/** The stamp is taken before the bytes, so that a write in between shows as a moved stamp. */
export function observe(path: string, listing: Listing, now: () => number): { observed: Observed; read: Read } {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  const settled = stats === undefined || youngest(stats) + STAMP_GRANULE < now();
  const observed = content(path, stats);
  const stamp = settled ? stampOfStats(stats) : null;
  return { observed, read: { path, listing, stamp, state: stateOf(observed, listing) } };
}

const youngest = ({ mtimeMs, ctimeMs }: BigIntStats): number => Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs);

function content(path: string, stats: BigIntStats | undefined): Observed {
  if (stats === undefined) return { _tag: "Absent" };
  if (stats.isSymbolicLink()) return { _tag: "Link", target: readlinkSync(path, { encoding: "buffer" }) };
  if (stats.isDirectory()) {
    const entries = readdirSync(path, { withFileTypes: true, encoding: "buffer" }).map(
      (entry): Entry => ({
        name: entry.name,
        kind: entry.isDirectory() ? "directory" : entry.isFile() ? "file" : "other",
      }),
    );
    return { _tag: "Directory", entries: entries.sort((a, b) => Buffer.compare(a.name, b.name)) };
  }
  if (!stats.isFile()) return { _tag: "Special" };
  const bytes = readFileSync(path);
  return { _tag: "File", bytes, executable: (stats.mode & 0o100n) !== 0n, sha256: hash("sha256", bytes, "hex") };
}

function stateOf(observed: Observed, listing: Listing): string {
  switch (observed._tag) {
    case "Absent":
      return "absent";
    case "Special":
      return "special";
    case "Link":
      return `link:${observed.target.toString("hex")}`;
    case "File":
      return `${observed.executable ? "exec" : "file"}:${observed.sha256}`;
    case "Directory": {
      const shown = listing === "all" ? observed.entries : observed.entries.filter(concernsRecipes);
      const names = shown.map(({ name, kind }) => `${kind} ${name.toString("hex")}\n`).join("");
      return `${listing}:${hash("sha256", names, "hex")}`;
    }
  }
}

/** Whether an entry of a recipe folder is a recipe's file, or a folder that may hold some. */
export function concernsRecipes({ name, kind }: Entry): boolean {
  const text = name.toString();
  if (kind === "directory") return text !== "lib" && text !== "node_modules" && !text.startsWith(".");
  return kind === "file" && text.endsWith(".ts") && text !== "index.ts" && !/^\.|\.(test|d)\.ts$/.test(text);
}

/** Looks again at what stamps made doubtful: the reads with fresh stamps, or the first path that really changed. */
export function recheck(
  reads: readonly Read[],
  now: () => number,
): { readonly _tag: "Same"; readonly reads: Read[] } | { readonly _tag: "Changed"; readonly path: string } {
  const suspects = new Set(suspectsAmong(reads));
  const fresh: Read[] = [];
  for (const read of reads) {
    if (!suspects.has(read)) {
      fresh.push(read);
      continue;
    }
    const again = observedAgain(read, now);
    if (again?.state !== read.state) return { _tag: "Changed", path: read.path };
    fresh.push(again);
  }
  return { _tag: "Same", reads: fresh };
}

function observedAgain({ path, listing }: Read, now: () => number): Read | undefined {
  try {
    return observe(path, listing, now).read;
  } catch {
    // The evaluation that follows reads the same path, and says what is wrong with it.
    return undefined;
  }
}
