/**
 * Gives what is in a new tree its final form, once it is known that the store lacks the object: a file becomes a link to an
 * equal one of the store's, or gets its final mode, owner and time. Knows what every object's entries have in common; not
 * what the object is called.
 *
 * Directories stay writable, and files that hold a hash to be rewritten stay as they are: both still change.
 */
import { chmodSync, constants, copyFileSync, lchownSync, lutimesSync, renameSync } from "node:fs";
import { pause } from "./file-bytes.ts";
import type { Pool } from "./pool.ts";
import { fileAt, type TreeFile, type TreeNode, walkNodes } from "./tree.ts";

/** 1980-01-01T00:00:00Z, in seconds: the time of everything in the store, and SOURCE_DATE_EPOCH of every build. */
export const OBJECT_TIME = 315_532_800;

/** Who owns objects, where that differs from who built them. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Gives a file what every object's file has. */
export function normaliseFile(file: Buffer, executable: boolean, owner: Owner | null): void {
  // The owner first: a change of owner may take mode bits away.
  if (owner !== null) lchownSync(file, owner.uid, owner.gid);
  chmodSync(file, executable ? 0o555 : 0o444);
  lutimesSync(file, OBJECT_TIME, OBJECT_TIME);
}

export function normaliseSymlink(file: Buffer, owner: Owner | null): void {
  if (owner !== null) lchownSync(file, owner.uid, owner.gid);
  lutimesSync(file, OBJECT_TIME, OBJECT_TIME);
}

export interface SettleOptions {
  readonly pool: Pool;
  /** A name beside the tree for a moment's use. */
  readonly spare: string;
  /** Set when running as root: builders run as someone else. */
  readonly owner: Owner | null;
  /** Whether files with occurrences will be rewritten. */
  readonly rewriting: boolean;
}

/** Entries between two pauses: at 30 µs each, other builds wait 8 ms at most. */
const ENTRIES_A_TURN = 256;

/** Gives the files that no equal one was found for: they enter the pool once they are synced. */
export async function settleTree(
  file: string,
  root: TreeNode,
  { pool, spare, owner, rewriting }: SettleOptions,
): Promise<TreeFile[]> {
  const unpooled: TreeFile[] = [];
  let entries = 0;

  /**
   * A file with several names may have one outside of the tree, which must neither see its modes changed nor be able to
   * change an object: it is replaced by a copy of its own, unless the pool has an equal file.
   */
  const ownCopy = (entry: Buffer): void => {
    copyFileSync(entry, spare, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    renameSync(spare, entry);
  };

  const settleFile = (node: TreeFile, entry: Buffer): void => {
    const complete = !rewriting || node.occurrences.length === 0;
    if (complete && pool.share(entry, node)) return;
    if (node.linked) ownCopy(entry);
    if (complete) normaliseFile(entry, node.executable, owner);
    unpooled.push(node);
  };

  for (const node of walkNodes(root)) {
    if (++entries % ENTRIES_A_TURN === 0) await pause();
    const entry = fileAt(file, node.path);
    if (node._tag === "File") settleFile(node, entry);
    else if (node._tag === "Symlink") normaliseSymlink(entry, owner);
  }
  return unpooled;
}
