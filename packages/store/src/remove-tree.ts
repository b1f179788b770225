/**
 * Removes a tree whatever its names, modes and depth are: names that are not UTF-8, directories that may not be written
 * or read. (Node's own `rm` converts names to text and gives up on a 0555 directory.) Never follows a symlink.
 */
import { chmodSync, lstatSync, readdirSync, renameSync, rmdirSync, unlinkSync } from "node:fs";
import { errorCode } from "./failure.ts";
import { pause } from "./file-bytes.ts";
import { joinPath } from "./tree.ts";

/**
 * Where a path gets longer, its directory is moved up first: a system call takes 4,096 bytes, but a tree can be deeper
 * (gnulib's test for getcwd makes such a one, and a configure that is killed leaves it).
 */
const LONG = 2048;

/** Entries between two pauses. */
const ENTRIES_A_TURN = 512;

/** What does not exist is removed already: another process may be removing the same tree. */
export async function removeTree(file: string): Promise<void> {
  let entries = 0;
  let moved = 0;
  const remove = async (path: Buffer, isDirectory: boolean): Promise<void> => {
    if (++entries % ENTRIES_A_TURN === 0) await pause();
    try {
      if (isDirectory) await removeDirectory(path);
      else unlinkSync(path);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
  };
  const removeDirectory = async (path: Buffer): Promise<void> => {
    // Always, not only where it is needed: reading the mode would cost as much.
    chmodSync(path, 0o700);
    const near = path.length > LONG ? Buffer.from(`${file}~${moved++}`) : path;
    if (near !== path) renameSync(path, near);
    for (const entry of readdirSync(near, { encoding: "buffer", withFileTypes: true })) {
      await remove(joinPath(near, entry.name), entry.isDirectory());
    }
    rmdirSync(near);
  };
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat !== undefined) await remove(Buffer.from(file), stat.isDirectory());
}
