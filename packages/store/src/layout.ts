/**
 * Where everything lies below `$CAB_ROOT`, and whether a store can lie there at all. Knows names of files and
 * directories; not what is in them.
 */
import { chmodSync, existsSync, mkdirSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { baseName, type StorePath } from "@cab/core";
import { StoreException } from "./failure.ts";
import { syncFile, syncNames } from "./sync.ts";

export interface Layout {
  readonly root: string;
  /** Objects, by base name; temporary names beside them begin with `.tmp-`. */
  readonly store: string;
  /** The pool: one inode per distinct content and executable bit. */
  readonly links: string;
  readonly database: string;
  readonly logs: string;
  readonly profiles: string;
  /** Links that a user made roots; made with the first one. */
  readonly roots: string;
  /** One directory per living process with its socket, and the claims. */
  readonly processes: string;
  readonly claims: string;
  /** State and run-time directories of roles. */
  readonly state: string;
  readonly run: string;
}

export const layoutOf = (root: string): Layout => ({
  root,
  store: join(root, "store"),
  links: join(root, "store/.links"),
  database: join(root, "var/db"),
  logs: join(root, "var/log"),
  profiles: join(root, "var/profiles"),
  roots: join(root, "var/roots"),
  processes: join(root, "var/processes"),
  claims: join(root, "var/claims"),
  state: join(root, "state"),
  run: join(root, "run"),
});

/**
 * Remote file systems, by statfs(2)'s `f_type`: LMDB's locks and shared memory do not hold across machines, and a
 * rename there is not durable when it returns.
 */
const REMOTE = new Map([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
]);

/** Why no store can lie on a file system of this statfs type; undefined if one can. */
export const refusedFileSystem = (type: number): string | undefined => REMOTE.get(type);

/** Makes what is missing: two system calls where nothing is. */
export function prepareLayout(layout: Layout): void {
  // The database is begun when all directories are on the disk, so its presence says that they are.
  const complete = existsSync(join(layout.database, "data.mdb"));
  const made = complete ? undefined : mkdirSync(layout.root, { recursive: true });
  if (made !== undefined) chmodSync(layout.root, 0o755);
  const fileSystem = refusedFileSystem(statfsSync(layout.root).type);
  if (fileSystem !== undefined) {
    throw new StoreException({
      _tag: "StoreUnusable",
      root: layout.root,
      reason: `it lies on ${fileSystem}, where locks and renames are not dependable`,
      remedy: "set CAB_ROOT to a directory on a local disk",
    });
  }
  if (complete) return;
  const { root, store, links, logs, profiles, processes, claims, state, run, database } = layout;
  const directories = [store, links, dirname(database), logs, profiles, processes, claims, state, run, database];
  for (const directory of directories) {
    mkdirSync(directory, { recursive: true });
    // Whatever the umask: services of other users read objects, and as root builders run as another user.
    chmodSync(directory, 0o755);
  }
  for (const directory of [...directories, root]) syncFile(directory);
  const above = dirname(made ?? root);
  for (let directory = dirname(root); ; directory = dirname(directory)) {
    syncNames(directory);
    if (directory === above) break;
  }
}

export const objectFile = (layout: Layout, path: StorePath): string => `${layout.store}/${baseName(path)}`;

/**
 * The log of a derivation's build while it runs; `.zst` is added when it has ended. Spread over 256 directories, since
 * there is one for each build ever made.
 */
export const logFile = (layout: Layout, drvHash: string): string =>
  join(layout.logs, drvHash.slice(0, 2), drvHash.slice(2));

export const poolFile = (layout: Layout, digest: string, executable: boolean): string =>
  `${layout.links}/${digest}${executable ? ".x" : ""}`;
