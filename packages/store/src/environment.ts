/**
 * Opens the LMDB environment: the database itself for who may write to it, a copy of one moment for who may only read it.
 * Turns what LMDB throws into failures. Knows tables and sealed values; not what is in them.
 */
import { accessSync, chmodSync, constants, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { StoreFailure } from "@cab/core";
import { type Database as LmdbTable, open, type RootDatabase } from "lmdb";
import { beginDatabase } from "./begin-database.ts";
import { requireLmdb, requireRoom } from "./database-file.ts";
import { errorCode, lookup, StoreException } from "./failure.ts";
import { openValue, sealValue } from "./sealed-value.ts";
import { copyDatabase } from "./snapshot.ts";

export type Table = LmdbTable<Buffer, string>;

export interface Environment {
  readonly env: RootDatabase<Buffer, string>;
  readonly directory: string;
  /** Whether it is a copy that nobody else sees. */
  readonly isCopy: boolean;
  readonly table: (name: string) => Table;
  readonly reading: <A>(read: () => A) => A;
  /** Runs the action in one transaction that is on disk when this returns; if it throws, nothing was written. */
  readonly writing: <A>(action: () => A) => A;
}

/**
 * Whether this user may read the database and not write to it. Root might, to anybody's: but what it wrote its owner could
 * no longer change.
 */
export function isReadOnly(directory: string): boolean {
  const file = join(directory, "data.mdb");
  try {
    accessSync(file, constants.W_OK);
    return statSync(file).uid !== process.geteuid?.();
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return false;
    if (code === "EACCES" || code === "EPERM" || code === "EROFS") return true;
    throw error;
  }
}

/** Why nothing can be written: another user's store, or one's own on a file system that cannot be written. */
export function readOnlyFailure(root: string, directory: string): StoreFailure {
  const owner = statSync(join(directory, "data.mdb")).uid;
  if (owner !== process.geteuid?.()) return { _tag: "StoreReadOnly", root, owner };
  const message = "read-only file system";
  return { _tag: "StoreIo", operation: "write to the store", file: root, code: "EROFS", message };
}

/** LMDB lets a group write; and a strict umask keeps everybody from reading. */
function ownAlone(directory: string): void {
  for (const name of ["data.mdb", "lock.mdb"]) {
    const file = join(directory, name);
    if ((statSync(file).mode & 0o777) !== 0o644) chmodSync(file, 0o644);
  }
}

/** LMDB calls a write that came out short, which is what a full disk gives, an I/O error: errno 5, without a system call. */
const isShortWrite = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === 5;

/** Less than this is left when LMDB fails to write a page. */
const FULL = 1 << 20;

function isFull(directory: string): boolean {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize < FULL;
}

const diskFull = (file: string): StoreFailure => ({
  _tag: "StoreIo",
  operation: "write the database",
  file,
  code: "ENOSPC",
  message: "no space left on the device",
});

export function openEnvironment(directory: string): Environment {
  const reading = <A>(read: () => A): A => lookup("read the database", directory, read);
  const isCopy = isReadOnly(directory);
  const path = isCopy ? reading(() => copyDatabase(directory)) : directory;
  const opened = (): RootDatabase<Buffer, string> => {
    try {
      if (!isCopy) {
        requireRoom(path);
        beginDatabase(path);
      }
      requireLmdb(path);
      return open<Buffer, string>({ path, encoding: "binary", overlappingSync: false, maxDbs: 16 });
    } finally {
      // Open files stay, and so nothing is left behind however this process ends.
      if (isCopy) rmSync(path, { recursive: true, force: true });
    }
  };
  const env = reading(opened);
  if (!isCopy) reading(() => ownAlone(directory));
  return {
    env,
    directory,
    isCopy,
    table: (name) => reading(() => env.openDB<Buffer, string>({ name, encoding: "binary" })),
    reading,
    writing: (action) => {
      try {
        return env.transactionSync(action);
      } catch (error) {
        throw isShortWrite(error) && isFull(directory) ? new StoreException(diskFull(directory)) : error;
      }
    },
  };
}

/** The sealed value of a key; throws if it is damaged. */
export function getSealed(
  { reading }: Environment,
  table: Table,
  { name, key }: { readonly name: string; readonly key: string },
): Buffer | undefined {
  const value = reading(() => table.get(key));
  if (value === undefined) return undefined;
  const payload = openValue(name, key, value);
  if (payload === undefined) throw new StoreException({ _tag: "StoreDamaged", table: name, key });
  return payload;
}

export function putSealed(table: Table, name: string, key: string, payload: Uint8Array): void {
  table.putSync(key, sealValue(name, key, payload));
}
