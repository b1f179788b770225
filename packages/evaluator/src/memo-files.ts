/** A memo store over plain files in one folder, bounded in size. Knows nothing of what the values mean. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { MemoStore } from "./memo.ts";

export interface MemoFilesOptions {
  readonly folder: string;
  /** Bytes; when a write exceeds it, the values that were written longest ago go first. */
  readonly capacity: number;
}

/** Values appear whole, by renaming. Nothing is synced: what a crash truncates fails its checksum and is absent. */
export function memoFiles({ folder, capacity }: MemoFilesOptions): MemoStore {
  return {
    get: (key) => {
      try {
        return readFileSync(join(folder, key));
      } catch (error) {
        return forgone(error);
      }
    },
    put: (key, value) => {
      try {
        makeFolder(folder);
        const temporary = join(folder, `${key}.${process.pid}.tmp`);
        writeFileSync(temporary, value, { mode: OWNERS });
        renameSync(temporary, join(folder, key));
        evict(folder, capacity, key);
      } catch (error) {
        forgone(error);
      }
    },
  };
}

/** Whoever can write a value decides what is built from then on: nobody but the owner, whatever the umask. */
const OWNERS = 0o644;
const OWNERS_FOLDER = 0o755;

function makeFolder(folder: string): void {
  const topmost = mkdirSync(folder, { recursive: true });
  if (topmost === undefined) return;
  for (let made = folder; made.length >= topmost.length; made = dirname(made)) chmodSync(made, OWNERS_FOLDER);
}

/** Oldest first, the newest value excepted; temporary files of processes that died count like any other. */
function evict(folder: string, capacity: number, newest: string): void {
  const files = readdirSync(folder)
    .map((name) => ({ name, stats: statSync(join(folder, name), { throwIfNoEntry: false }) }))
    .flatMap(({ name, stats }) => (stats?.isFile() ? [{ name, size: stats.size, age: stats.mtimeMs }] : []))
    .sort((a, b) => a.age - b.age);
  let total = files.reduce((sum, { size }) => sum + size, 0);
  for (const { name, size } of files) {
    if (total <= capacity) return;
    if (name === newest) continue;
    rmSync(join(folder, name), { force: true });
    total -= size;
  }
}

/** A disk that refuses (full, read-only, missing) means no memo; any other error is a bug. */
function forgone(error: unknown): undefined {
  if (error instanceof Error && "syscall" in error) return undefined;
  throw error;
}
