/**
 * `store/.links`: one inode per distinct content and executable bit, to which equal files are hard links. Knows digests
 * and files; not trees.
 *
 * A file enters the pool only after it was synced: a name that survives a crash with its data lost would otherwise
 * replace good files for ever after. Within one admission equal files find each other through `seen` instead.
 */
import { linkSync, lstatSync, renameSync, rmSync, type Stats, unlinkSync } from "node:fs";
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

/** What makes a file unfit to be linked to, or its file system unable to: who meets it keeps a file of its own. */
const UNSHARABLE = new Set(["EPERM", "EXDEV", "ENOTSUP", "EOPNOTSUPP"]);

/**
 * `full`: the existing file has all the links that its file system lets it have (ext4 65,000, btrfs 65,535). `no`: for another
 * reason there is no link.
 */
function tryLink(existing: Buffer | string, file: Buffer | string): "linked" | "full" | "no" {
  try {
    linkSync(existing, file);
    return "linked";
  } catch (error) {
    const code = errorCode(error);
    if (code === "EMLINK") return "full";
    // Gone since it was looked at: a collector found that nobody else used it.
    if (code === "ENOENT" || code === "EEXIST" || (code !== undefined && UNSHARABLE.has(code))) return "no";
    throw error;
  }
}

/** `spare`: an unused name in the file system of the files, for the moment between link and rename. */
export function openPool(layout: Layout, spare: string): Pool {
  const seen = new Map<string, Buffer>();
  /** Makes `file` a link to `equal`, of which `other` is known; false if it cannot be. */
  const linkTo = (equal: Buffer | string, other: Stats, file: Buffer): boolean => {
    const own = lstatSync(file);
    if (own.ino === other.ino && own.dev === other.dev) return true;
    // A rename between two links of one inode does nothing and would leave `spare` behind; these are two inodes.
    if (tryLink(equal, spare) !== "linked") return false;
    renameSync(spare, file);
    return true;
  };
  return {
    share: (file, { digest, executable, size }) => {
      const key = poolFile(layout, digest, executable);
      // A stat without exceptions: a miss costs 2 µs, a thrown ENOENT 15.
      const pooled = lstatSync(key, { throwIfNoEntry: false });
      if (pooled?.isFile() === true && pooled.size === size && linkTo(key, pooled, file)) return true;
      const equal = seen.get(key);
      if (equal !== undefined && linkTo(equal, lstatSync(equal), file)) return true;
      seen.set(key, file);
      return false;
    },
  };
}

/**
 * Puts a synced file into the pool; one that is there already stays, unless it can have no more links: then equal files
 * share this one from now on. Gives the entry's name if it is new. `spare`: as for `openPool`.
 */
export function enterPool(
  layout: Layout,
  spare: string,
  { file, content: { digest, executable, size } }: { readonly file: Buffer; readonly content: PooledFile },
): string | undefined {
  const name = poolFile(layout, digest, executable);
  // Seldom not: when the file was shared, the pool did not have it.
  if (tryLink(file, name) === "linked") return name;
  const pooled = lstatSync(name, { throwIfNoEntry: false });
  if (pooled === undefined) return undefined;
  if (pooled.size === size) {
    const probed = tryLink(name, spare);
    if (probed === "linked") unlinkSync(spare);
    if (probed === "full" && tryLink(file, spare) === "linked") renameSync(spare, name);
    return undefined;
  }
  // Of another size, it is not what its name says: a damaged disk. Objects that link to it keep it, no new one will.
  rmSync(name, { force: true });
  return tryLink(file, name) === "linked" ? name : undefined;
}
