/**
 * Makes a new database for the objects that are on disk: their paths prove them. Of the old one it takes what carries a
 * checksum or is its own hash: derivations, realisations, build times, derivers. Knows the order of the steps; the old
 * database is put aside, never changed.
 */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import {
  type DrvHash,
  decodeDerivation,
  decodeObjectInfo,
  type ObjectInfo,
  type RealisationKey,
  STORE_DIR,
  type StoreFailure,
  type StorePath,
  storePathOf,
} from "@cab/core";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { type Database, openDatabase, type Writer } from "./database.ts";
import { isReadOnly, readOnlyFailure } from "./environment.ts";
import { attempt, errorCode, StoreException } from "./failure.ts";
import { readBuffer } from "./file-bytes.ts";
import { type Layout, layoutOf, objectFile } from "./layout.ts";
import { type DamagedRow, damagedRows, type Row, salvageRows } from "./probe.ts";
import { announcedProcesses, forgetDead } from "./process-socket.ts";
import { type Proof, proveObject } from "./prove-object.ts";
import { copyDatabase } from "./snapshot.ts";
import { syncDirectory } from "./sync.ts";

export interface RebuildOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, of: number) => void;
}

export interface RebuiltDatabase {
  readonly objects: number;
  /** On disk under an object's name, but not that object, or without one that it refers to. */
  readonly unproven: readonly StorePath[];
  /** Derivations, realisations and build times that could be taken over. */
  readonly salvaged: number;
  /** Where the old database lies. */
  readonly aside: string;
}

/** No process may have the store open. */
export const rebuildDatabase = (root: string, options: RebuildOptions): TaskEither<StoreFailure, RebuiltDatabase> => {
  const layout = layoutOf(resolve(root));
  return attempt("rebuild the database", layout.database, () => rebuild(followed(layout), options));
};

/** The database's directory may be a link to another disk; what is put beside it must be on the same one. */
const followed = (layout: Layout): Layout =>
  existsSync(layout.database) ? { ...layout, database: realpathSync(layout.database) } : layout;

async function rebuild(layout: Layout, options: RebuildOptions): Promise<RebuiltDatabase> {
  if (isReadOnly(layout.database)) throw new StoreException(readOnlyFailure(layout.root, layout.database));
  await requireAlone(layout);
  requireMovable(layout);
  const fresh = mkdtempSync(`${layout.database}-new-`);
  try {
    const database = openDatabase({ root: layout.root, directory: fresh });
    const salvaged = await salvage(layout, database.write);
    const { proven, unproven } = await proveAll({ layout, write: database.write }, options);
    for (let at = 0; at < proven.length; at += ROWS) {
      database.write((writer) => {
        for (const info of proven.slice(at, at + ROWS)) writer.object(info);
      });
    }
    await database.close();
    await requireAlone(layout);
    const aside = putAside(layout);
    replaceDatabase(layout, fresh);
    return { objects: proven.length, unproven, salvaged, aside };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Gives the old database a second name, below the directory whose path is returned. */
function putAside(layout: Layout): string {
  const aside = asideName(layout);
  mkdirSync(aside);
  const file = join(layout.database, "data.mdb");
  if (existsSync(file)) linkSync(file, join(aside, "data.mdb"));
  for (const directory of [aside, dirname(aside)]) syncDirectory(directory);
  return aside;
}

/**
 * One rename: at no moment is there no database. Who opened a store that has none would begin an empty one, and collect
 * all objects.
 */
function replaceDatabase({ database }: Layout, fresh: string): void {
  mkdirSync(database, { recursive: true });
  // What it says of transactions is the old one's.
  rmSync(join(database, "lock.mdb"), { force: true });
  renameSync(join(fresh, "data.mdb"), join(database, "data.mdb"));
  syncDirectory(database);
}

/** Rows of one transaction. */
const ROWS = 1024;

const stopped = ({ root }: Layout) =>
  ({
    _tag: "StoreUnusable",
    root,
    reason: "rebuilding its database was stopped",
    remedy: "nothing was changed",
  }) as const;

async function requireAlone(layout: Layout): Promise<void> {
  await forgetDead(layout);
  if (announcedProcesses(layout).length === 0) return;
  throw new StoreException({
    _tag: "StoreUnusable",
    root: layout.root,
    reason: "another cab works on it, and its database cannot be replaced under it",
    remedy: "wait until it has ended, or stop it; then run the command again",
  });
}

/** The new database takes the old one's name, which a mount point does not give up. */
function requireMovable({ root, database }: Layout): void {
  const found = lstatSync(database, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true || found.dev === statSync(dirname(database)).dev) return;
  throw new StoreException({
    _tag: "StoreUnusable",
    root,
    reason: `${database} is a mount point, and its database cannot be put aside`,
    remedy: "unmount it, run the command again, and move the new database there",
  });
}

function asideName({ database }: Layout): string {
  for (let n = 1; ; n++) if (!existsSync(`${database}-damaged-${n}`)) return `${database}-damaged-${n}`;
}

/** Takes over what the old database still knows, apart from objects; gives the number of rows. */
async function salvage(layout: Layout, write: Database["write"]): Promise<number> {
  let salvaged = 0;
  for (const table of ["derivations", "realisations", "buildTimes"]) {
    let rows: Row[] = [];
    const flush = (): void => {
      write((writer) => {
        for (const row of rows) takeOver(writer, row);
      });
      salvaged += rows.length;
      rows = [];
    };
    await salvageRows(layout.database, table, (row) => {
      rows.push(row);
      if (rows.length >= ROWS) flush();
    });
    flush();
  }
  return salvaged;
}

function takeOver(writer: Writer, { table, key, value }: Row): void {
  const path = storePathOf(value.toString());
  const drv = table === "derivations" ? decodeDerivation(value) : undefined;
  if (drv !== undefined) writer.derivation(key as DrvHash, drv);
  if (table === "realisations" && path !== undefined) writer.realisation({ key: key as RealisationKey, path });
  if (table === "buildTimes") writer.buildSeconds(key, Number(value.toString()));
}

/** Records of objects that are sound: what an object refers to, and who made it. */
async function knownObjects(layout: Layout): Promise<ReadonlyMap<StorePath, ObjectInfo>> {
  const known = new Map<StorePath, ObjectInfo>();
  await salvageRows(layout.database, "objects", ({ key, value }) => {
    const path = `${STORE_DIR}/${key}` as StorePath;
    const info = decodeObjectInfo(value, path);
    if (info !== undefined) known.set(path, info);
  });
  return known;
}

async function proveAll(
  { layout, write }: { readonly layout: Layout; readonly write: Database["write"] },
  { signal, onProgress }: RebuildOptions,
): Promise<{ readonly proven: readonly ObjectInfo[]; readonly unproven: readonly StorePath[] }> {
  const known = await knownObjects(layout);
  const paths = readdirSync(layout.store).flatMap((name) => storePathOf(`${STORE_DIR}/${name}`) ?? []);
  const buffer = readBuffer();
  const infos = new Map<StorePath, ObjectInfo>();
  for (const [i, path] of paths.entries()) {
    if (signal.aborted) throw new StoreException(stopped(layout));
    // Bytes may name an object without having had it as an input, which is no reference: so the record is asked first.
    const record = known.get(path);
    const proof =
      (record && (await tryProve(layout, path, record.references, buffer))) ??
      (await tryProve(layout, path, paths, buffer));
    if (proof !== undefined) {
      infos.set(path, { ...proof.info, deriver: record?.deriver ?? null });
      write((writer) => {
        for (const [digest, message] of proof.directories) writer.directory(digest, message);
      });
    }
    onProgress(i + 1, paths.length);
  }
  const proven = withReferences(infos);
  return { proven: [...proven.values()], unproven: paths.filter((path) => !proven.has(path)) };
}

async function tryProve(
  layout: Layout,
  path: StorePath,
  candidates: readonly StorePath[],
  buffer: Buffer,
): Promise<Proof | undefined> {
  try {
    return await proveObject(objectFile(layout, path), path, { candidates, buffer });
  } catch (error) {
    // A tree that cannot be read is not proven.
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Those all of whose references are there too. */
function withReferences(infos: ReadonlyMap<StorePath, ObjectInfo>): Map<StorePath, ObjectInfo> {
  const referrers = new Map<StorePath, StorePath[]>();
  const lacking = new Set<StorePath>();
  for (const { path, references } of infos.values()) {
    for (const reference of references) {
      if (!infos.has(reference)) lacking.add(path);
      else referrers.set(reference, [...(referrers.get(reference) ?? []), path]);
    }
  }
  for (const path of lacking) for (const referrer of referrers.get(path) ?? []) lacking.add(referrer);
  return new Map([...infos].filter(([path]) => !lacking.has(path)));
}

/** Every damaged row, found in another process, since a damaged page may end this one. Nothing if there is no database yet. */
export const examineDatabase = (root: string): TaskEither<StoreFailure, readonly DamagedRow[]> => {
  const { database } = layoutOf(resolve(root));
  return attempt("read the database", database, async () => {
    if (!existsSync(join(database, "data.mdb"))) return [];
    if (!isReadOnly(database)) return damagedRows(database);
    const copy = copyDatabase(database);
    try {
      return await damagedRows(copy);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
};
