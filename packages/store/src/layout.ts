/**
 * Where everything lies below `$CAB_ROOT`, and whether a store can lie there at all. Knows names of files and
 * directories; not what is in them.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { baseName, STORE_DIR, type StorePath, storePathOf } from "@cab/core";
import { StoreException } from "./failure.ts";
import { syncDirectory, syncNames } from "./sync.ts";

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

/**
 * Makes what is missing: few system calls where nothing is. The objects and the database may lie elsewhere than the root, by a
 * mount or a link; `typeOf` says on what.
 */
export function prepareLayout(layout: Layout, typeOf = (file: string): number => statfsSync(file).type): void {
  // The database is begun when all directories are on the disk, so its presence says that they are.
  const complete = hasDatabase(layout);
  const made = complete ? undefined : mkdirSync(layout.root, { recursive: true });
  if (made !== undefined) chmodSync(layout.root, 0o755);
  for (const directory of [layout.root, layout.store, layout.database]) {
    if (!existsSync(directory)) continue;
    const fileSystem = refusedFileSystem(typeOf(directory));
    if (fileSystem !== undefined) {
      throw new StoreException({
        _tag: "StoreUnusable",
        root: layout.root,
        reason: `${directory === layout.root ? "it" : directory} lies on ${fileSystem}, where locks and renames are not dependable`,
        remedy: "set CAB_ROOT to a directory on a local disk",
      });
    }
  }
  if (complete) return;
  requireNoObjects(layout);
  const { root, store, links, logs, profiles, processes, claims, state, run, database } = layout;
  const directories = [store, links, dirname(database), logs, profiles, processes, claims, state, run, database];
  for (const directory of directories) {
    mkdirSync(directory, { recursive: true });
    // Whatever the umask: services of other users read objects, and as root builders run as another user.
    chmodSync(directory, 0o755);
  }
  for (const directory of [...directories, root]) syncDirectory(directory);
  const above = dirname(made ?? root);
  for (let directory = dirname(root); ; directory = dirname(directory)) {
    syncNames(directory);
    if (directory === above) break;
  }
}

const hasDatabase = ({ database }: Layout): boolean =>
  (statSync(join(database, "data.mdb"), { throwIfNoEntry: false })?.size ?? 0) > 0;

/** A store that has objects had a database: a new one would call them all garbage. */
function requireNoObjects({ store }: Layout): void {
  const names = existsSync(store) ? readdirSync(store) : [];
  if (!names.some((name) => storePathOf(`${STORE_DIR}/${name}`) !== undefined)) return;
  throw new StoreException({ _tag: "StoreDamaged", table: "database", key: "data.mdb, which is gone" });
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
