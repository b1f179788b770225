/**
 * Opens a store and hands out its port. Knows which part does what; does nothing itself. What only a build needs (the
 * socket, the network and process modules) is loaded when the first build claims something, so that looking up an
 * up-to-date role costs two reads of the database.
 */
import { resolve } from "node:path";
import type { Writable } from "node:stream";
import {
  type Derivation,
  type Directory,
  type DrvHash,
  diffTrees,
  type EntryChange,
  type ObjectInfo,
  type Scratch,
  type SecretSearch,
  type StoreFailure,
  type StorePath,
  type StorePort,
  type StreamFailure,
  type Worker,
} from "@cab/core";
import { type Either, left, right } from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import type { AdmitContext } from "./admit-outputs.ts";
import { openClaims } from "./claims.ts";
import type { Collected, CollectionStep, CollectOptions } from "./collect.ts";
import { openDatabase } from "./database.ts";
import type { DiskUsage } from "./disk-usage.ts";
import type { Damage } from "./examine-object.ts";
import type { ExportOptions, ExportRequest } from "./export-stream.ts";
import { attempt, StoreException, storeFailure } from "./failure.ts";
import { readBuffer } from "./file-bytes.ts";
import type { ImportOptions, ImportReport } from "./import-stream.ts";
import { type Layout, layoutOf, logFile, objectFile, prepareLayout } from "./layout.ts";
import { MIGRATIONS, type Migration } from "./migrations/index.ts";
import type { Place } from "./places.ts";
import type { ProcessId } from "./process-socket.ts";
import type { AdmissionStep } from "./register.ts";
import { admissions, type Repairing, repairing } from "./repairing.ts";
import type { Root } from "./roots.ts";
import { makeScratch, removeAbandoned, removeScratch } from "./scratch.ts";
import type { Owner } from "./settle.ts";
import { openTemporaryRoots } from "./temporary-roots.ts";
import type { Verified, VerifyOptions } from "./verify.ts";

export interface StoreOptions {
  /** `$CAB_ROOT`. */
  readonly root: string;
  /** Whom builders run as, when cab runs as root; null if as cab itself. */
  readonly builder: Owner | null;
  /** What other processes may tell their users of this one. */
  readonly worker?: Worker | null;
  /** Others than this cab's own: for tests. */
  readonly migrations?: readonly Migration[];
  /** What this host's builds must not contain, asked when one has ended; undefined where there are no secrets. */
  readonly secretSearch?: () => SecretSearch | undefined;
  /** Called behind every step of an admission; tests end the process there. */
  readonly onStep?: (step: AdmissionStep) => void;
  /** The same of a collection. */
  readonly onCollectionStep?: (step: CollectionStep) => void;
}

export interface Store extends StorePort {
  readonly layout: Layout;
  readonly derivation: (hash: DrvHash) => Derivation | undefined;
  /** A directory of some object, by its digest: what an object holds, without reading it. */
  readonly directory: (digest: string) => Directory | undefined;
  /** Valid objects that refer to this one. */
  readonly referrers: (path: StorePath) => StorePath[];
  /** Every valid object, in the order of base names. */
  readonly objects: () => StorePath[];
  /** Writes a closure as one stream; `docs/formats/export.md` says how. */
  readonly exportTo: (
    request: ExportRequest,
    sink: Writable,
    options: ExportOptions,
  ) => TaskEither<StoreFailure | StreamFailure, void>;
  /** Reads such a stream: each object whole or not at all. */
  readonly importFrom: (
    source: AsyncIterable<Uint8Array>,
    options: ImportOptions,
  ) => TaskEither<StoreFailure | StreamFailure, ImportReport>;
  /** Where the hash of `reference` stands in the object's bytes and names. */
  readonly placesOf: (reference: StorePath, object: ObjectInfo) => TaskEither<StoreFailure, readonly Place[]>;
  /** The entries in which two objects differ. No file is read. */
  readonly entryChanges: (before: ObjectInfo, after: ObjectInfo) => EntryChange[];
  /** What these objects' files take on disk, where equal ones share their bytes. */
  readonly diskUsage: (objects: readonly ObjectInfo[]) => TaskEither<StoreFailure, DiskUsage>;
  /** Where the log of a derivation's build lies, if there is one. */
  readonly logFile: (drv: DrvHash) => string;
  /** What keeps objects alive: links, and living processes. */
  readonly roots: () => TaskEither<StoreFailure, readonly Root[]>;
  /**
   * Makes a valid object a root, by a link at the absolute path `link`, or by an entry of the store's own. Undefined if the
   * object is not here.
   */
  readonly addRoot: (path: StorePath, link: string | undefined) => TaskEither<StoreFailure, Root | undefined>;
  /** By the name of an entry or the absolute path of a link; false if there is no such root. */
  readonly removeRoot: (name: string) => TaskEither<StoreFailure, boolean>;
  /** Runs what makes or removes links in `var/profiles`, while no collector looks at them. What it throws is thrown. */
  readonly whileLinksStand: <A>(action: () => A) => A;
  readonly verify: (options: VerifyOptions) => TaskEither<StoreFailure, Verified>;
  /** The store as who repairs this damage sees it. */
  readonly repairing: (damages: readonly Damage[]) => Repairing;
  /** Deletes what no root keeps. */
  readonly collect: (options: CollectOptions) => TaskEither<StoreFailure, Collected>;
  readonly close: () => Promise<void>;
}

/** Lookups of the result throw a `StoreException`; everything else says what can go wrong in its type. */
export function openStore({ root, ...options }: StoreOptions): Either<StoreFailure, Store> {
  const layout = layoutOf(resolve(root));
  try {
    prepareLayout(layout);
    return right(makeStore(layout, options));
  } catch (error) {
    const failure = storeFailure(error, "open the store", layout.root);
    if (failure === undefined) throw error;
    return left(failure);
  }
}

function makeStore(
  layout: Layout,
  {
    builder,
    worker = null,
    migrations = MIGRATIONS,
    secretSearch = () => undefined,
    onStep = () => {},
    onCollectionStep = () => {},
  }: Omit<StoreOptions, "root">,
): Store {
  const database = openDatabase({ root: layout.root, directory: layout.database, migrations });
  const exclusive = <A>(action: () => A): A => database.write(action);
  const claims = openClaims({ layout, exclusive, worker });
  // Only root may give builders another uid, so objects are root's wherever builders are not the store's owner.
  const owner: Owner | null = builder === null ? null : { uid: 0, gid: 0 };
  const roots = openTemporaryRoots(layout);
  const { requireWritable } = database;
  // Admissions happen in scratch directories, so this process is announced by then.
  let own: ProcessId | undefined;
  const announced = async (): Promise<ProcessId> => {
    requireWritable();
    own ??= await claims.process();
    return own;
  };
  const keep = (paths: readonly StorePath[]): void => {
    if (own === undefined) throw new Error("BUG: a process that nobody can see keeps objects");
    roots.add(own, paths);
  };
  /** Gives those that are not valid. Who may only read keeps nothing, and takes what he finds. */
  const keepValid = async (paths: readonly StorePath[]): Promise<readonly StorePath[]> => {
    if (database.isReadOnly) return paths.filter((path) => database.object(path) === undefined);
    const wanted = paths.filter((path) => !roots.has(path));
    if (wanted.length === 0) return [];
    await announced();
    return database.write(() => {
      keep(wanted.filter((path) => database.object(path) !== undefined));
      return wanted.filter((path) => !roots.has(path));
    });
  };
  const isKept = async (path: StorePath): Promise<boolean> => (await keepValid([path])).length === 0;
  const context: AdmitContext = {
    layout,
    database,
    owner,
    keep,
    replaces: () => false,
    secretSearch,
    buffer: readBuffer(),
    onStep,
  };
  let scratches = 0;
  const newScratch = async (name: string): Promise<Scratch> => {
    const number = ++scratches;
    const process = await announced();
    if (number === 1) await removeAbandoned(layout, exclusive);
    return makeScratch({ layout, process, number, name, builder });
  };
  /** One that a valid object has. */
  const knownDirectory = (digest: string): Directory => {
    const found = database.directory(digest);
    if (found === undefined) throw new StoreException({ _tag: "StoreDamaged", table: "directories", key: digest });
    return found;
  };
  let closed: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    roots.close();
    await claims.close();
    await database.close();
  };

  const port: Store = {
    layout,
    realisation: database.realisation,
    object: database.object,
    buildSeconds: database.buildSeconds,
    derivation: database.derivation,
    directory: database.directory,
    referrers: database.referrers,
    physical: (path) => objectFile(layout, path),
    logFile: (drv) => logFile(layout, drv),
    keep: (paths) => attempt("keep objects", layout.processes, () => keepValid(paths)),
    record: (realisations) =>
      attempt("record realisations", layout.database, () =>
        database.write((writer) => {
          for (const realisation of realisations) writer.realisation(realisation);
        }),
      ),
    claim: (drv) =>
      attempt("claim a derivation", layout.claims, () => {
        requireWritable();
        return claims.claim(drv);
      }),
    openScratch: (name) => attempt("make a scratch directory", layout.store, () => newScratch(name)),
    discardScratch: (scratch) => attempt("remove a scratch directory", scratch.storeDir, () => removeScratch(scratch)),
    ...admissions(context),
    objects: database.objects,
    exportTo: (request, sink, options) =>
      attempt<StreamFailure, void>("export", layout.store, async () => {
        const { exportStream } = await import("./export-stream.ts");
        await exportStream(layout, { ...request, directory: knownDirectory }, sink, options);
      }),
    importFrom: (source, options) =>
      attempt<StreamFailure, ImportReport>("import", layout.store, async () => {
        const { importStream } = await import("./import-stream.ts");
        const scratch = await newScratch("import");
        try {
          return await importStream(context, scratch, source, options);
        } finally {
          await removeScratch(scratch);
        }
      }),
    placesOf: (reference, info) =>
      attempt("look for references", layout.store, async () => {
        const { placesOf } = await import("./places.ts");
        const file = objectFile(layout, info.path);
        return placesOf({ info, file, reference, directory: knownDirectory, buffer: context.buffer });
      }),
    entryChanges: (before, after) => diffTrees(before, after, knownDirectory),
    diskUsage: (objects) =>
      attempt("measure objects", layout.store, async () => {
        const { diskUsage } = await import("./disk-usage.ts");
        return diskUsage({ objects, physical: ({ path }) => objectFile(layout, path), directory: knownDirectory });
      }),
    verify: (options) =>
      attempt("verify the store", layout.store, async () => {
        const { verify } = await import("./verify.ts");
        return verify({ layout, database, keep: isKept }, options);
      }),
    repairing: (damages) => repairing(port, context, damages),
    roots: () =>
      attempt("list the roots", layout.root, async () => {
        requireWritable();
        const { listRoots } = await import("./roots.ts");
        return listRoots({ layout, database });
      }),
    addRoot: (path, link) =>
      attempt("make the root", link ?? layout.roots, async () => {
        const { addRootLink } = await import("./root-links.ts");
        return database.write(() =>
          database.object(path) === undefined ? undefined : addRootLink(layout, path, link),
        );
      }),
    removeRoot: (name) =>
      attempt("remove the root", layout.roots, async () => {
        const { removeRootLink } = await import("./root-links.ts");
        return database.write(() => removeRootLink(layout, name));
      }),
    whileLinksStand: (action) => database.write(action),
    collect: (options) =>
      attempt("collect garbage", layout.store, async () => {
        requireWritable();
        const { collect } = await import("./collect.ts");
        return collect({ layout, database, process: announced, onStep: onCollectionStep }, options);
      }),
    close: () => {
      closed ??= closeAll();
      return closed;
    },
  };
  return port;
}
