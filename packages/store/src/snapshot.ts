/**
 * A copy of the database as one commit left it, for who may read its file and not write to it. LMDB wants to write even
 * for a reader: into its table of readers, which keeps writers from reusing the pages that he sees. Without a place in it
 * he would meet pages that were overwritten, and LMDB may end a process that reads such a page, before any checksum is
 * looked at. So bytes are copied that nobody interprets, and believed only if no transaction was committed meanwhile.
 *
 * Why that is enough: LMDB never writes to a page that the newest commit reaches, only to pages that were free by then
 * (mdb.c, mdb_find_oldest). What the newest commit before the copy reaches can be overwritten only after a further
 * commit, and every commit writes to one of the two meta pages. If these are what they were, the copy is that commit.
 */
import { closeSync, constants, copyFileSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreException } from "./failure.ts";

/** Both, of the page size that lmdb-js gives a new database. */
const META_PAGES = 2 * 4096;

function metaPages(file: string): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const pages = Buffer.alloc(META_PAGES);
    return pages.subarray(0, readSync(descriptor, pages, 0, META_PAGES, 0));
  } finally {
    closeSync(descriptor);
  }
}

const TRIES = 50;
const PAUSE_MS = 20;

export interface CopyOptions {
  /** Behind each copying, before it is known whether it counts; tests commit there. */
  readonly onCopied?: () => void;
}

/** Gives a new directory that holds the copy: the caller's to remove. */
export function copyDatabase(directory: string, { onCopied = () => {} }: CopyOptions = {}): string {
  const source = join(directory, "data.mdb");
  const copy = mkdtempSync(join(tmpdir(), "cab-database-"));
  const target = join(copy, "data.mdb");
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      const before = metaPages(source);
      copyFileSync(source, target, constants.COPYFILE_FICLONE);
      onCopied();
      if (before.equals(metaPages(target)) && before.equals(metaPages(source))) return copy;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    }
  } catch (error) {
    rmSync(copy, { recursive: true, force: true });
    throw error;
  }
  rmSync(copy, { recursive: true, force: true });
  throw new StoreException({
    _tag: "StoreUnusable",
    root: directory,
    reason: "its owner writes to it so often that no moment of it could be read",
    remedy: "run the command again when less is being built",
  });
}
