/**
 * Removes a tree whatever its names and modes are: names that are not UTF-8, directories that may not be written or
 * read. (Node's own `rm` converts names to text and gives up on a 0555 directory.) Never follows a symlink.
 */
import { chmodSync, lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { errorCode } from "./failure.ts";
import { pause } from "./file-bytes.ts";
import { joinPath } from "./tree.ts";

/** Entries between two pauses. */
const ENTRIES_A_TURN = 512;

/** What does not exist is removed already: another process may be removing the same tree. */
export async function removeTree(file: string): Promise<void> {
  let entries = 0;
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
    for (const entry of readdirSync(path, { encoding: "buffer", withFileTypes: true })) {
      await remove(joinPath(path, entry.name), entry.isDirectory());
    }
    rmdirSync(path);
  };
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat !== undefined) await remove(Buffer.from(file), stat.isDirectory());
}
