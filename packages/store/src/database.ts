/**
 * The LMDB environment and its tables. Knows how a record is kept and found; not what makes one true.
 *
 * Durability: the environment is opened without lmdb-js's overlapping sync, so a transaction is on disk before its write
 * lock is released, and what another process can see can no longer be lost. Only synchronous transactions are used: one
 * durable commit took 0.27 ms, and lmdb-js's asynchronous ones share a batch that one failing callback cannot leave.
 *
 * Keys are text of at most 460 bytes (LMDB's limit is 1,978): a referrer's key holds two base names.
 */
import { closeSync, openSync, readSync, statfsSync } from "node:fs";
import { join } from "node:path";
import {
  baseName,
  type Derivation,
  type Directory,
  type DrvHash,
  decodeDerivation,
  decodeDirectory,
  decodeObjectInfo,
  derivationBytes,
  drvHash,
  encodeObjectInfo,
  fromHex,
  type ObjectInfo,
  type Realisation,
  type RealisationKey,
  STORE_DIR,
  type StoreFailure,
  type StorePath,
  sha256Hex,
  storePathOf,
  toHex,
  utf8,
} from "@cab/core";
import { open } from "lmdb";
import { errorCode, lookup, StoreException } from "./failure.ts";
import { openValue, sealValue, unsealedValue } from "./sealed-value.ts";

/** Raised when an older cab could no longer read what a newer one wrote. */
export const SCHEMA_VERSION = 1;

/** What one transaction writes. Only `write` hands it out. */
export interface Writer {
  readonly object: (info: ObjectInfo) => void;
  readonly realisation: (realisation: Realisation) => void;
  readonly directory: (digest: string, message: Uint8Array) => void;
  readonly derivation: (hash: DrvHash, drv: Derivation) => void;
  readonly buildSeconds: (name: string, seconds: number) => void;
  /** The object is valid no more. What is known of it otherwise stays. */
  readonly removeObject: (info: ObjectInfo) => void;
  readonly removeDirectory: (digest: string) => void;
  readonly removeDerivation: (hash: DrvHash) => void;
}

/** Whole tables, for who marks what is alive in them. The loops must end before the next `await`. */
export interface Tables {
  /** Every object by base name, in ascending order, with its record as it stands there: its checksum is not looked at. */
  readonly objects: () => Iterable<{ readonly key: string; readonly record: Buffer }>;
  readonly directories: () => Iterable<string>;
  readonly derivations: () => Iterable<DrvHash>;
  /** The message of a directory, unchecked. */
  readonly directoryMessage: (digest: string) => Buffer | undefined;
  /** Whether a realisation names the derivation. */
  readonly isRealised: (drv: DrvHash) => boolean;
  /** Changes with every transaction that wrote something, this process's own included. */
  readonly lastTransaction: () => number;
}

export interface Database {
  readonly object: (path: StorePath) => ObjectInfo | undefined;
  /** Every valid object, in the order of base names. */
  readonly objects: () => StorePath[];
  readonly realisation: (key: RealisationKey) => StorePath | undefined;
  readonly directory: (digest: string) => Directory | undefined;
  readonly derivation: (hash: DrvHash) => Derivation | undefined;
  readonly buildSeconds: (name: string) => number | undefined;
  /** Objects that refer to this one. */
  readonly referrers: (path: StorePath) => StorePath[];
  readonly hasReferrers: (path: StorePath) => boolean;
  readonly tables: Tables;
  /**
   * Runs `action` while this process alone, among all that have the store open, may write. What it writes is durable
   * when this returns; if it throws, nothing was written. Without a write it costs no disk access, and so serves as the
   * store's mutex too: LMDB's lock is released by the kernel when its holder dies.
   */
  readonly write: <A>(action: (writer: Writer) => A) => A;
  readonly close: () => Promise<void>;
}

/** LMDB's magic number and where it stands in the file: in the first meta page, behind a page header (lmdb's mdb.c). */
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;

/** lmdb-js ends the process with a segmentation fault when it is given a file of another kind, so look first. */
function requireLmdb(directory: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(join(directory, "data.mdb"), "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw error;
  }
  try {
    const head = Buffer.alloc(MAGIC_OFFSET + 4);
    const length = readSync(descriptor, head);
    if (length === 0 || (length === head.length && head.readUInt32LE(MAGIC_OFFSET) === MAGIC)) return;
    throw new StoreException({ _tag: "StoreDamaged", table: "database", key: "data.mdb is no LMDB file" });
  } finally {
    closeSync(descriptor);
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

/** Between the two base names of a referrer's key; sorts before every character of a name. */
const BETWEEN = " ";

export function openDatabase(root: string, directory: string): Database {
  const reading = <A>(read: () => A): A => lookup("read the database", directory, read);
  reading(() => requireLmdb(directory));
  const env = reading(() => open({ path: directory, encoding: "binary", overlappingSync: false, maxDbs: 16 }));
  const openTable = (name: string) => reading(() => env.openDB<Buffer, string>({ name, encoding: "binary" }));
  const meta = openTable("meta");
  const damaged = (table: string, key: string): StoreException =>
    new StoreException({ _tag: "StoreDamaged", table, key });

  const get = (table: ReturnType<typeof openTable>, name: string, key: string): Buffer | undefined => {
    const value = reading(() => table.get(key));
    if (value === undefined) return undefined;
    const payload = openValue(name, key, value);
    if (payload === undefined) throw damaged(name, key);
    return payload;
  };
  const put = (table: ReturnType<typeof openTable>, name: string, key: string, payload: Uint8Array): void => {
    table.putSync(key, sealValue(name, key, payload));
  };
  /** A record that its reader refuses is damaged too. */
  const sound = <A>(table: string, key: string, record: A | undefined): A => {
    if (record === undefined) throw damaged(table, key);
    return record;
  };

  const found = get(meta, "meta", "schema");
  if (found === undefined) {
    reading(() => env.transactionSync(() => put(meta, "meta", "schema", utf8(String(SCHEMA_VERSION)))));
  } else if (Number(found) > SCHEMA_VERSION) {
    void env.close();
    throw new StoreException({
      _tag: "StoreTooNew",
      root,
      found: Number(found.toString()),
      supported: SCHEMA_VERSION,
    });
  }

  const objects = openTable("objects");
  const referrers = openTable("referrers");
  const realisations = openTable("realisations");
  const derivations = openTable("derivations");
  const buildTimes = openTable("buildTimes");
  const directories = reading(() =>
    env.openDB<Buffer, Uint8Array>({ name: "directories", encoding: "binary", keyEncoding: "binary" }),
  );

  const writer: Writer = {
    object: (info) => {
      put(objects, "objects", baseName(info.path), encodeObjectInfo(info));
      for (const reference of info.references) {
        referrers.putSync(`${baseName(reference)}${BETWEEN}${baseName(info.path)}`, Buffer.alloc(1));
      }
    },
    realisation: ({ key, path }) => put(realisations, "realisations", key, utf8(path)),
    directory: (digest, message) => {
      directories.putSync(fromHex(digest) as Uint8Array, Buffer.from(message));
    },
    derivation: (hash, drv) => {
      derivations.putSync(hash, Buffer.from(derivationBytes(drv)));
    },
    buildSeconds: (name, seconds) => put(buildTimes, "buildTimes", name, utf8(String(seconds))),
    removeObject: (info) => {
      objects.removeSync(baseName(info.path));
      for (const reference of info.references) {
        referrers.removeSync(`${baseName(reference)}${BETWEEN}${baseName(info.path)}`);
      }
    },
    removeDirectory: (digest) => {
      directories.removeSync(fromHex(digest) as Uint8Array);
    },
    removeDerivation: (hash) => {
      derivations.removeSync(hash);
    },
  };

  const isAny = (keys: Iterable<string>): boolean => {
    for (const _ of keys) return true;
    return false;
  };

  const tables: Tables = {
    objects: function* () {
      for (const { key, value } of objects.getRange()) yield { key, record: unsealedValue(value) };
    },
    directories: function* () {
      for (const key of directories.getKeys()) yield toHex(key);
    },
    derivations: function* () {
      for (const key of derivations.getKeys()) yield key as DrvHash;
    },
    directoryMessage: (digest) => directories.get(fromHex(digest) as Uint8Array),
    isRealised: (drv) => isAny(realisations.getKeys({ start: `drv:${drv}:`, end: `drv:${drv};`, limit: 1 })),
    lastTransaction: () => (env.getStats() as { lastTxnId: number }).lastTxnId,
  };

  return {
    object: (path) => {
      const payload = get(objects, "objects", baseName(path));
      if (payload === undefined) return undefined;
      return sound("objects", baseName(path), decodeObjectInfo(payload, path));
    },
    objects: () =>
      reading(() => {
        const paths: StorePath[] = [];
        for (const key of objects.getKeys()) paths.push(sound("objects", key, storePathOf(`${STORE_DIR}/${key}`)));
        return paths;
      }),
    realisation: (key) => {
      const payload = get(realisations, "realisations", key);
      return payload === undefined ? undefined : sound("realisations", key, storePathOf(payload.toString()));
    },
    // Directory messages and derivations need no checksum: their keys are their hashes.
    directory: (digest) => {
      const message = reading(() => directories.get(fromHex(digest) as Uint8Array));
      if (message === undefined) return undefined;
      if (sha256Hex(message) !== digest) throw damaged("directories", digest);
      return sound("directories", digest, decodeDirectory(message));
    },
    derivation: (key) => {
      const bytes = reading(() => derivations.get(key));
      if (bytes === undefined) return undefined;
      const drv = sound("derivations", key, decodeDerivation(bytes));
      if (drvHash(drv) !== key) throw damaged("derivations", key);
      return drv;
    },
    buildSeconds: (name) => {
      const payload = get(buildTimes, "buildTimes", name);
      return payload === undefined ? undefined : Number(payload.toString());
    },
    hasReferrers: (path) => {
      const start = `${baseName(path)}${BETWEEN}`;
      return reading(() => isAny(referrers.getKeys({ start, end: `${start}~`, limit: 1 })));
    },
    tables,
    referrers: (path) => {
      const start = `${baseName(path)}${BETWEEN}`;
      const paths: StorePath[] = [];
      reading(() => {
        for (const key of referrers.getKeys({ start, end: `${start}~` })) {
          paths.push(sound("referrers", key, storePathOf(`${STORE_DIR}/${key.slice(start.length)}`)));
        }
      });
      return paths;
    },
    write: (action) => {
      try {
        return env.transactionSync(() => action(writer));
      } catch (error) {
        throw isShortWrite(error) && isFull(directory) ? new StoreException(diskFull(directory)) : error;
      }
    },
    close: () => env.close(),
  };
}
