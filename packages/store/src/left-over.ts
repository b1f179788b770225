/**
 * What collected objects leave behind: pool entries that nothing shares, messages of directories that no object has,
 * derivations that nothing names, old logs. Knows no roots: whatever objects are valid now are alive here.
 */
import { lstatSync, opendirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type DrvHash, skimObjectRecord, subdirectories } from "@cab/core";
import type { Database, Tables, Writer } from "./database.ts";
import { pause } from "./file-bytes.ts";
import type { Layout } from "./layout.ts";

/** Entries between two pauses. */
const ENTRIES_A_TURN = 512;

/** In which stat(2) counts what a file takes on the disk. */
const BLOCK = 512;

/**
 * Removes pool entries that are their file's only name; gives the bytes that came free. Needs no lock: who links to an
 * entry at the same moment keeps its link, or finds none and keeps a file of its own. Reads the directory piece by piece,
 * since it may hold millions of entries.
 */
export async function removeUnusedPoolFiles({ links }: Layout): Promise<number> {
  let freed = 0;
  let entries = 0;
  const directory = opendirSync(links, { bufferSize: ENTRIES_A_TURN });
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      if (++entries % ENTRIES_A_TURN === 0) await pause();
      const file = join(links, entry.name);
      const stat = lstatSync(file, { throwIfNoEntry: false });
      if (stat?.isFile() !== true || stat.nlink > 1) continue;
      rmSync(file, { force: true });
      freed += stat.blocks * BLOCK;
    }
  } finally {
    directory.closeSync();
  }
  return freed;
}

/** What valid objects have and were made by. Of a hash 52 bits are kept: who shares them with a live one lives with it. */
interface LiveRecords {
  readonly directories: Set<number>;
  readonly derivers: Set<number>;
}

const shortened = (hash: string): number => Number.parseInt(hash.slice(0, 13), 16);

const HASH_LENGTH = 64;

/** Adds what objects have that were registered since the last time. */
function markRecords(tables: Tables, { directories, derivers }: LiveRecords): void {
  for (const { record } of tables.objects()) {
    const skim = skimObjectRecord(record);
    if (skim === undefined) continue;
    const hashAt = (at: number): string => record.toString("latin1", at, at + HASH_LENGTH);
    if (skim.deriver !== undefined) derivers.add(shortened(hashAt(skim.deriver)));
    const pending = skim.isDirectory ? [hashAt(skim.digest)] : [];
    for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
      if (directories.has(shortened(digest))) continue;
      directories.add(shortened(digest));
      for (const below of subdirectories(tables.directoryMessage(digest) ?? Buffer.alloc(0)) ?? []) pending.push(below);
    }
  }
}

/** Rows that one commit deletes: 30 ms. */
const BATCH = 512;

/** Gives whether a derivation made an object that is valid. */
export async function removeUnusedRecords({ tables, write }: Database): Promise<(drv: string) => boolean> {
  const live: LiveRecords = { directories: new Set(), derivers: new Set() };
  let marked = tables.lastTransaction();
  markRecords(tables, live);
  const isDeriver = (drv: string): boolean => live.derivers.has(shortened(drv));
  const isUnused = {
    directory: (digest: string) => !live.directories.has(shortened(digest)),
    derivation: (drv: DrvHash) => !isDeriver(drv) && !tables.isRealised(drv),
  };

  const removeAll = async <A>(
    candidates: readonly A[],
    unused: (candidate: A) => boolean,
    remove: (writer: Writer, candidate: A) => void,
  ): Promise<void> => {
    for (let at = 0; at < candidates.length; at += BATCH) {
      write((writer) => {
        const last = tables.lastTransaction();
        // Somebody else wrote: new objects may have what nothing had before.
        if (last !== marked) markRecords(tables, live);
        const batch = candidates.slice(at, at + BATCH).filter(unused);
        for (const candidate of batch) remove(writer, candidate);
        marked = batch.length > 0 ? last + 1 : last;
      });
      await pause();
    }
  };

  const directories = chosen(tables.directories(), isUnused.directory);
  await removeAll(directories, isUnused.directory, (writer, digest) => writer.removeDirectory(digest));
  const derivations = chosen(tables.derivations(), isUnused.derivation);
  await removeAll(derivations, isUnused.derivation, (writer, drv) => writer.removeDerivation(drv));
  return isDeriver;
}

/** Without ever holding those that are not chosen: there may be millions. */
function chosen<A>(all: Iterable<A>, isChosen: (one: A) => boolean): A[] {
  const found: A[] = [];
  for (const one of all) if (isChosen(one)) found.push(one);
  return found;
}

/** How long the log of a build stays whose result is not here, such as a failed one's: 30 days. */
const LOG_AGE_MS = 30 * 24 * 3600 * 1000;

export async function removeOldLogs({ logs }: Layout, now: number, isDeriver: (drv: string) => boolean): Promise<void> {
  for (const folder of readdirSync(logs)) {
    for (const name of readdirSync(join(logs, folder))) {
      const file = join(logs, folder, name);
      if (isDeriver(folder + name.slice(0, HASH_LENGTH - folder.length))) continue;
      const made = lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? now;
      if (now - made > LOG_AGE_MS) rmSync(file, { force: true });
    }
    await pause();
  }
}
