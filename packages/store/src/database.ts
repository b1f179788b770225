/**
 * The store's tables. Knows how a record is kept and found; not what makes one true.
 *
 * Durability: the environment is opened without lmdb-js's overlapping sync, so a transaction is on disk before its write
 * lock is released, and what another process can see can no longer be lost. Only synchronous transactions are used: one
 * durable commit took 0.27 ms, and lmdb-js's asynchronous ones share a batch that one failing callback cannot leave.
 *
 * Keys are text of at most 460 bytes (LMDB's limit is 1,978): a referrer's key holds two base names.
 */
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
  type StorePath,
  sha256Hex,
  storePathOf,
  toHex,
  utf8,
} from "@cab/core";
import { openEnvironment, putSealed, readOnlyFailure, type Table } from "./environment.ts";
import { StoreException } from "./failure.ts";
import { MIGRATIONS, type Migration } from "./migrations/index.ts";
import { openSchema, schemaVersion } from "./schema.ts";
import { openValue, unsealedValue } from "./sealed-value.ts";

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
  /** Whether this user may only read it: as it was when it was opened. */
  readonly isReadOnly: boolean;
  /** Throws if so. */
  readonly requireWritable: () => void;
  /**
   * Runs `action` while this process alone, among all that have the store open, may write. What it writes is durable
   * when this returns; if it throws, nothing was written. Without a write it costs no disk access, and so serves as the
   * store's mutex too: LMDB's lock is released by the kernel when its holder dies.
   */
  readonly write: <A>(action: (writer: Writer) => A) => A;
  readonly close: () => Promise<void>;
}

/** Between the two base names of a referrer's key; sorts before every character of a name. */
const BETWEEN = " ";

export interface DatabaseOptions {
  /** `$CAB_ROOT`, for messages. */
  readonly root: string;
  readonly directory: string;
  /** All that there are, but for tests of them. */
  readonly migrations?: readonly Migration[];
}

export function openDatabase({ root, directory, migrations = MIGRATIONS }: DatabaseOptions): Database {
  const environment = openEnvironment(directory);
  const { env, isCopy, reading, writing, table: openTable } = environment;
  const schema = openSchema(environment, root, schemaVersion(migrations));
  /** A newer cab's record looks like a damaged one. */
  const damaged = (table: string, key: string): StoreException => {
    schema.require();
    return new StoreException({ _tag: "StoreDamaged", table, key });
  };

  const requireWritable = (): void => {
    if (isCopy) throw new StoreException(readOnlyFailure(root, directory));
  };

  const get = (table: Table, name: string, key: string): Buffer | undefined => {
    const value = reading(() => table.get(key));
    if (value === undefined) return undefined;
    const payload = openValue(name, key, value);
    if (payload === undefined) throw damaged(name, key);
    return payload;
  };
  const put = putSealed;
  /** A record that its reader refuses is damaged too. */
  const sound = <A>(table: string, key: string, record: A | undefined): A => {
    if (record === undefined) throw damaged(table, key);
    return record;
  };

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

  const write: Database["write"] = (action) => {
    requireWritable();
    return writing(() => {
      schema.require();
      return action(writer);
    });
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
    isReadOnly: isCopy,
    requireWritable,
    write,
    close: () => env.close(),
  };
}
