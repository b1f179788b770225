/**
 * `store/.links`: one inode per distinct content and executable bit, to which equal files are hard links. Knows digests
 * and files; not trees.
 *
 * A file enters the pool only after it was synced: a name that survives a crash with its data lost would otherwise
 * replace good files for ever after. Within one admission equal files find each other through `seen` instead.
 */
import { linkSync, lstatSync, renameSync, rmSync } from "node:fs";
import { errorCode } from "./failure.ts";
import { type Layout, poolFile } from "./layout.ts";

export interface PooledFile {
  readonly digest: string;
  readonly executable: boolean;
  readonly size: number;
}

export interface Pool {
  /**
   * Makes `file` a link to an equal one, if one is known; true if it is one now. Otherwise remembers it, to be found by
   * equal ones later.
   */
  readonly share: (file: Buffer, content: PooledFile) => boolean;
}

/** Link limits differ (ext4 65,000, btrfs 65,535); who meets one keeps a file of its own. */
const UNSHARABLE = new Set(["EMLINK", "EPERM", "EXDEV", "ENOTSUP", "EOPNOTSUPP"]);

function tryLink(existing: Buffer | string, file: Buffer | string): boolean {
  try {
    linkSync(existing, file);
    return true;
  } catch (error) {
    const code = errorCode(error);
    // Gone since it was looked at: a collector found that nobody else used it.
    if (code === "ENOENT" || code === "EEXIST" || (code !== undefined && UNSHARABLE.has(code))) return false;
    throw error;
  }
}

/** `spare`: an unused name in the file system of the files, for the moment between link and rename. */
export function openPool(layout: Layout, spare: string): Pool {
  const seen = new Map<string, Buffer>();
  return {
    share: (file, { digest, executable, size }) => {
      const key = poolFile(layout, digest, executable);
      // A stat without exceptions: a miss costs 2 µs, a thrown ENOENT 15.
      const pooled = lstatSync(key, { throwIfNoEntry: false });
      const usable = pooled?.isFile() === true && pooled.size === size;
      const equal = usable ? key : seen.get(key);
      if (equal === undefined) {
        seen.set(key, file);
        return false;
      }
      const own = lstatSync(file);
      const other = usable ? pooled : lstatSync(equal);
      if (own.ino === other.ino && own.dev === other.dev) return true;
      // A rename between two links of one inode does nothing and would leave `spare` behind; these are two inodes.
      if (!tryLink(equal, spare)) {
        seen.set(key, file);
        return false;
      }
      renameSync(spare, file);
      return true;
    },
  };
}

/** Puts a synced file into the pool; one that is there already stays. */
export function enterPool(layout: Layout, file: Buffer, { digest, executable, size }: PooledFile): void {
  const name = poolFile(layout, digest, executable);
  // Seldom: when the file was shared, the pool did not have it.
  if (tryLink(file, name)) return;
  const pooled = lstatSync(name, { throwIfNoEntry: false });
  if (pooled === undefined || pooled.size === size) return;
  // Of another size, it is not what its name says: a damaged disk. Objects that link to it keep it, no new one will.
  rmSync(name, { force: true });
  tryLink(file, name);
}
