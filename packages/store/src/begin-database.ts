/**
 * Makes the file of a database that is not there yet. LMDB writes a file's first pages in place and syncs them later: if the
 * power fails between the two, what is left is no database, and cannot be told from one that a disk has damaged. So the
 * file gets its name when its first pages are on the disk. Knows nothing of what is kept in it.
 */
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { errorCode } from "./failure.ts";

/** Another process was first; or this file system has no links, and LMDB makes the file itself. */
const LEFT_TO_LMDB = new Set(["EEXIST", "EPERM", "ENOTSUP", "EOPNOTSUPP"]);

/** The name is not synced; nothing but an empty database is lost with it. */
export function beginDatabase(directory: string): void {
  const file = join(directory, "data.mdb");
  if (existsSync(file)) return;
  mkdirSync(directory, { recursive: true });
  const unnamed = mkdtempSync(join(directory, "new-"));
  try {
    const env = open({ path: unnamed, encoding: "binary", overlappingSync: false });
    // The commit that makes a table syncs the file, first pages included.
    env.openDB({ name: "meta", encoding: "binary" });
    void env.close();
    linkSync(join(unnamed, "data.mdb"), file);
  } catch (error) {
    if (!LEFT_TO_LMDB.has(errorCode(error) ?? "")) throw error;
  } finally {
    rmSync(unnamed, { recursive: true, force: true });
  }
}
