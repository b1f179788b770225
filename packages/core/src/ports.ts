/**
 * What core needs of the outside, as small records of functions. The store and the executor implement them; the CLI
 * wires them; tests use the in-memory ones. Core knows nothing of what is behind them.
 */
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import type { DrvHash, ResolvedDerivation } from "./derivation.ts";
import type { BuildFailure, StoreFailure, SubstituterFailure } from "./failure.ts";
import type { ObjectInfo } from "./object.ts";
import type { Realisation, RealisationKey } from "./realisation.ts";
import type { StorePath } from "./store-path.ts";

/**
 * The place on disk where one build happens: outside the store's objects, inside its file system. Builders can write to
 * it as the user that they are (`SANDBOX_USER` where cab runs as root).
 */
export interface Scratch {
  /** Directory that the builder sees as `/cab/store`; its outputs appear in it under their scratch paths' base names. */
  readonly storeDir: string;
  /** Directory that the builder sees as `/build`, its working directory. */
  readonly buildDir: string;
}

/** Where an output lies on disk before it is admitted. */
export const scratchFile = (scratch: Scratch, baseName: string): string => `${scratch.storeDir}/${baseName}`;

/** Outputs that were built and now want to become objects. */
export interface Admission {
  readonly scratch: Scratch;
  readonly drv: ResolvedDerivation;
  readonly drvHash: DrvHash;
  /** Paths that the outputs may refer to: the closure of the inputs. Whatever else their bytes name is no reference. */
  readonly inputs: readonly StorePath[];
  /** DrvHashes of unresolved derivations that resolve to this one: recorded under these too, in the same transaction. */
  readonly derivers: readonly DrvHash[];
  /** Wall-clock seconds that the builder took: what the scheduler expects of it next time. */
  readonly seconds: number;
}

/** A process that works on the store, as it calls itself. */
export interface Worker {
  /** In the process's own namespace. */
  readonly pid: number;
  /** What its user typed behind `cab`. */
  readonly words: readonly string[];
}

/** A place in the queue for one derivation, among all processes that work on this store. */
export type Claim =
  | { readonly _tag: "Ours"; readonly release: () => Promise<void> }
  /** Another process builds it; `ended` settles when it has, however it ended. */
  | { readonly _tag: "Theirs"; readonly ended: Promise<void>; readonly holder: Holder };

export interface Holder {
  /** Undefined if it does not say. */
  readonly worker: Worker | undefined;
  /** When it took the claim, in milliseconds since 1970. */
  readonly since: number;
}

/** Looks for the values of this host's secrets in streams of bytes, one after the other. */
export interface SecretSearch {
  /** The next bytes of the stream; they may be overwritten afterwards. */
  readonly update: (chunk: Uint8Array) => void;
  /** Ends the stream: the names of the secrets that stood in it. */
  readonly finish: () => readonly string[];
}

export interface StorePort {
  /** Recorded path, whether or not its object is here. */
  readonly realisation: (key: RealisationKey) => StorePath | undefined;
  /** A valid object; undefined if the store does not hold it whole. */
  readonly object: (path: StorePath) => ObjectInfo | undefined;
  /** Recorded seconds of the last build of something of this name. */
  readonly buildSeconds: (name: string) => number | undefined;
  /** Where a valid object lies on disk. */
  readonly physical: (path: StorePath) => string;
  /**
   * Keeps these objects, and all that they refer to, from being collected until this store is closed or its process has
   * ended. Gives those that are not valid, and so could not be kept. What this process admits is kept from the start.
   */
  readonly keep: (paths: readonly StorePath[]) => TaskEither<StoreFailure, readonly StorePath[]>;
  readonly record: (realisations: readonly Realisation[]) => TaskEither<StoreFailure, void>;
  readonly claim: (drv: DrvHash) => TaskEither<StoreFailure, Claim>;
  readonly openScratch: (name: string) => TaskEither<StoreFailure, Scratch>;
  /** Removes what a build left behind; safe after a successful admission too. */
  readonly discardScratch: (scratch: Scratch) => TaskEither<StoreFailure, void>;
  /** Checks, hashes, scans, rewrites, syncs and registers all outputs of one build, or none. */
  readonly admitOutputs: (
    admission: Admission,
  ) => TaskEither<BuildFailure | StoreFailure, Readonly<Record<string, StorePath>>>;
  /**
   * Registers an object that a substituter has unpacked at `file`, after checking that its bytes give `info.path`. Its
   * references must be valid already.
   */
  readonly admitObject: (
    scratch: Scratch,
    file: string,
    info: ObjectInfo,
  ) => TaskEither<StoreFailure | SubstituterFailure, ObjectInfo>;
}

export interface BuildJob {
  readonly drv: ResolvedDerivation;
  /** Of the resolved derivation: what its log is called by, whatever led to it. */
  readonly drvHash: DrvHash;
  readonly scratch: Scratch;
  /** The closure of the declared inputs: exactly what the builder sees of the store. */
  readonly inputs: readonly StorePath[];
  /** Tree that holds the sandbox's own programs; null for builtins. */
  readonly sandboxTools: StorePath | null;
  readonly physical: (path: StorePath) => string;
  readonly signal: AbortSignal;
  /** Called with progress of downloads: bytes so far, and in all where known. */
  readonly onBytes: (received: number, total: number | null) => void;
}

export interface BuilderPort {
  /** Runs the builder until it has ended, with every process it started gone. */
  readonly build: (job: BuildJob) => TaskEither<BuildFailure, void>;
}

export interface SubstituterPort {
  readonly name: string;
  /** The path that a trusted party recorded for this key; undefined if this place does not know. */
  readonly realisation: (key: RealisationKey) => TaskEither<SubstituterFailure, StorePath | undefined>;
  readonly object: (path: StorePath) => TaskEither<SubstituterFailure, ObjectInfo | undefined>;
  /** Unpacks the object's tree at `file`, which does not exist yet. */
  readonly fetch: (
    info: ObjectInfo,
    file: string,
    onBytes: (received: number, total: number | null) => void,
  ) => TaskEither<SubstituterFailure, void>;
}
