/**
 * A store, a builder and substituters in memory, sharing one small world: what the realiser is tested against, and a
 * model of what the real ports promise. A builder's behaviour is a function that the test gives; the test can hold
 * builders and release them one by one, so that what runs at the same time is observed without sleeping.
 */
import type { Either } from "fp-ts/lib/Either.js";
import * as TE from "fp-ts/lib/TaskEither.js";
import { type DrvHash, drvHash, outputNames, type ResolvedDerivation } from "../derivation.ts";
import type { BuildFailure, StoreFailure, SubstituterFailure } from "../failure.ts";
import type { ObjectInfo } from "../object.ts";
import { type BuilderPort, type Scratch, type StorePort, type SubstituterPort, scratchFile } from "../ports.ts";
import { type Realisation, type RealisationKey, realisationsOf } from "../realisation.ts";
import { baseName, type StorePath, scratchPath } from "../store-path.ts";
import { closureOf, isObject, type MemoryObject, nameOutputs } from "./memory-object.ts";

/** What a builder makes: the content of each output, or why it failed. `read` gives an input's content. */
export type Behaviour = (
  drv: ResolvedDerivation,
  read: (path: StorePath) => string,
) => Readonly<Record<string, string>> | BuildFailure;

/** A call of a port, with what it is about: a name, a key or a path. */
export interface PortCall {
  readonly port: "store" | "builder" | "substituter";
  readonly method: string;
  readonly subject: string;
}

export interface WorldOptions {
  readonly behaviour: Behaviour;
  /** Whether this call fails with an I/O error of its port. */
  readonly fails?: (call: PortCall) => boolean;
  /** Called before every call of a port, and while a builder runs: what other processes may do meanwhile. */
  readonly meanwhile?: (world: Pick<World, "collect">) => void;
}

export interface World {
  readonly store: StorePort;
  readonly builder: BuilderPort;
  /** Offers what `from` holds and knows, to be received by this world. */
  readonly substituterOf: (from: World, name?: string) => SubstituterPort;

  readonly objects: Map<StorePath, MemoryObject>;
  readonly realisations: Map<RealisationKey, StorePath>;
  /** What this process keeps; a test that clears it has the process end. */
  readonly kept: Set<StorePath>;
  /** Removes every object that nobody keeps, as a collector does. */
  readonly collect: () => void;
  /** Files of open scratch directories. Empty whenever nothing is being built. */
  readonly scratchFiles: Map<string, string>;
  /** Recorded build times by name; a test sets them to decide ranks. */
  readonly seconds: Map<string, number>;

  /** Everything that builders were started for, in order. */
  readonly ran: readonly { readonly name: string; readonly resolved: DrvHash }[];
  /** Every call of a port that can fail, in order. */
  readonly calls: readonly PortCall[];
  /** Realisations and objects that were looked up, in order. */
  readonly lookups: readonly string[];

  /** From now on builders wait until they are released. */
  readonly hold: () => void;
  /** Names of the builders that wait, in the order in which they started. */
  readonly held: () => readonly string[];
  /** Lets the first waiting builder of this name go on. */
  readonly release: (name: string) => void;
  /** Lets all go on, and those to come. */
  readonly releaseAll: () => void;
  /** Resolves when everything has been done that can be done without a release. */
  readonly quiet: () => Promise<void>;
}

export function createWorld({ behaviour, fails = () => false, meanwhile = () => {} }: WorldOptions): World {
  const objects = new Map<StorePath, MemoryObject>();
  const realisations = new Map<RealisationKey, StorePath>();
  const kept = new Set<StorePath>();
  const scratchFiles = new Map<string, string>();
  const seconds = new Map<string, number>();
  const claims = new Map<DrvHash, Promise<void>>();
  const ran: { name: string; resolved: DrvHash }[] = [];
  const calls: PortCall[] = [];
  const lookups: string[] = [];
  const gate = createGate();
  let scratches = 0;

  const collect = (): void => {
    const live = new Set(closureOf([...kept], objects));
    for (const path of objects.keys()) if (!live.has(path)) objects.delete(path);
  };

  const refused = (call: PortCall): boolean => {
    calls.push(call);
    meanwhile({ collect });
    return fails(call);
  };

  /** A store operation: fails if the test says so, else does its work at once, as one transaction does. */
  const operation = <A>(method: string, subject: string, work: () => A): TE.TaskEither<StoreFailure, A> =>
    TE.flatMap(
      (): TE.TaskEither<StoreFailure, A> =>
        refused({ port: "store", method, subject }) ? TE.left(diskFull(method, subject)) : TE.right(work()),
    )(TE.right(undefined));

  const record = (facts: readonly Realisation[]): void => {
    for (const { key, path } of facts) realisations.set(key, path);
  };

  const store: StorePort = {
    realisation: (key) => {
      lookups.push(key);
      return realisations.get(key);
    },
    object: (path) => {
      lookups.push(path);
      meanwhile({ collect });
      return objects.get(path)?.info;
    },
    buildSeconds: (name) => seconds.get(name),
    physical: (path) => path,
    keep: (paths) =>
      operation("keep", paths[0] ?? "", () => {
        for (const path of paths) if (objects.has(path)) kept.add(path);
        return paths.filter((path) => !objects.has(path));
      }),
    record: (facts) => operation("record", facts[0]?.key ?? "", () => record(facts)),
    claim: (drv) =>
      operation("claim", drv, () => {
        const theirs = claims.get(drv);
        if (theirs !== undefined) return { _tag: "Theirs", ended: theirs, holder: { worker: undefined, since: 0 } };
        const { promise, resolve } = Promise.withResolvers<void>();
        claims.set(drv, promise);
        const release = async (): Promise<void> => {
          claims.delete(drv);
          resolve();
        };
        return { _tag: "Ours", release };
      }),
    openScratch: (name) =>
      operation("openScratch", name, () => {
        const root = `/scratch/${scratches++}`;
        scratchFiles.set(root, "");
        return { storeDir: `${root}/store`, buildDir: `${root}/build` };
      }),
    discardScratch: (scratch) =>
      operation("discardScratch", scratch.storeDir, () => {
        const root = scratch.storeDir.replace(/\/store$/, "");
        for (const file of scratchFiles.keys()) {
          if (file === root || file.startsWith(`${root}/`)) scratchFiles.delete(file);
        }
      }),
    admitOutputs: ({ scratch, drv, drvHash: hash, inputs, derivers, seconds: took }) =>
      TE.flatMap((named: ReturnType<typeof nameOutputs>): TE.TaskEither<BuildFailure, Record<string, StorePath>> => {
        if ("_tag" in named) return TE.left(named);
        const paths: Record<string, StorePath> = {};
        for (const [output, { info, content }] of named) {
          requireReferences(info);
          paths[output] = info.path;
          kept.add(info.path);
          objects.set(info.path, { info: { ...info, deriver: hash }, content });
        }
        for (const deriver of [hash, ...derivers]) record(realisationsOf(drv, deriver, paths));
        seconds.set(drv.name, took);
        return TE.right(paths);
      })(operation("admitOutputs", drv.name, () => nameOutputs(drv, builtFiles(scratch, drv), inputs))),
    admitObject: (_scratch, file, info) =>
      TE.flatMap((content: string | undefined): TE.TaskEither<SubstituterFailure, ObjectInfo> => {
        const missing = info.references.find((reference) => !objects.has(reference));
        if (missing !== undefined) return TE.left(rejected(info.path, `refers to ${missing}, which is not here`));
        if (content === undefined || !isObject(info, content)) return TE.left(rejected(info.path, "other bytes"));
        objects.set(info.path, { info, content });
        kept.add(info.path);
        return TE.right(info);
      })(operation("admitObject", info.path, () => scratchFiles.get(file))),
  };

  const requireReferences = ({ path, references }: ObjectInfo): void => {
    const missing = references.find((reference) => !objects.has(reference));
    if (missing !== undefined) throw new Error(`BUG: ${path} refers to ${missing}, which was not kept`);
  };

  const builtFiles = (scratch: Scratch, drv: ResolvedDerivation): Record<string, string | undefined> =>
    Object.fromEntries(
      outputNames(drv).map((output) => [
        output,
        scratchFiles.get(scratchFile(scratch, baseName(scratchPath(drv.name, output)))),
      ]),
    );

  const builder: BuilderPort = {
    build:
      ({ drv, scratch, inputs, signal }) =>
      async (): Promise<Either<BuildFailure, void>> => {
        if (refused({ port: "builder", method: "build", subject: drv.name })) {
          return TE.left<BuildFailure, void>({ _tag: "BuilderExited", code: 1, signal: null })();
        }
        ran.push({ name: drv.name, resolved: drvHash(drv) });
        await gate.pass(drv.name, signal);
        meanwhile({ collect });
        if (signal.aborted) return TE.left<BuildFailure, void>({ _tag: "Cancelled" })();
        const read = (path: StorePath): string => {
          const object = inputs.includes(path) ? objects.get(path) : undefined;
          if (object === undefined) throw new Error(`BUG: ${drv.name} does not see ${path}`);
          return object.content;
        };
        const made = behaviour(drv, read);
        if (isFailure(made)) return TE.left<BuildFailure, void>(made)();
        for (const [output, content] of Object.entries(made)) {
          scratchFiles.set(scratchFile(scratch, baseName(scratchPath(drv.name, output))), content);
        }
        return TE.right<BuildFailure, void>(undefined)();
      },
  };

  const substituterOf = (from: World, name = "cache"): SubstituterPort => {
    const answer = <A>(method: string, subject: string, work: () => A): TE.TaskEither<SubstituterFailure, A> =>
      TE.flatMap(
        (): TE.TaskEither<SubstituterFailure, A> =>
          refused({ port: "substituter", method, subject })
            ? TE.left({ _tag: "SubstituterIo", substituter: name, message: "connection reset" })
            : TE.right(work()),
      )(TE.right(undefined));
    return {
      name,
      realisation: (key) => answer("realisation", key, () => from.realisations.get(key)),
      object: (path) => answer("object", path, () => from.objects.get(path)?.info),
      fetch: (info, file) =>
        answer("fetch", info.path, () => {
          const object = from.objects.get(info.path);
          if (object !== undefined) scratchFiles.set(file, object.content);
        }),
    };
  };

  return {
    store,
    builder,
    substituterOf,
    objects,
    realisations,
    kept,
    collect,
    scratchFiles,
    seconds,
    ran,
    calls,
    lookups,
    ...gate,
    quiet: () => new Promise((resolve) => setImmediate(resolve)),
  };
}

interface Gate extends Pick<World, "hold" | "held" | "release" | "releaseAll"> {
  /** Resolves at once, or when released, or when the signal aborts. */
  readonly pass: (name: string, signal: AbortSignal) => Promise<void>;
}

function createGate(): Gate {
  let holding = false;
  const waiting: { readonly name: string; readonly go: () => void }[] = [];
  return {
    hold: () => {
      holding = true;
    },
    held: () => waiting.map(({ name }) => name),
    release: (name) => {
      const at = waiting.findIndex((builder) => builder.name === name);
      if (at === -1) throw new Error(`${name} does not wait; these do: ${waiting.map((w) => w.name).join(", ")}`);
      waiting.splice(at, 1)[0]?.go();
    },
    releaseAll: () => {
      holding = false;
      for (const { go } of waiting.splice(0)) go();
    },
    pass: (name, signal) =>
      holding && !signal.aborted
        ? new Promise((resolve) => {
            const entry = { name, go: resolve };
            waiting.push(entry);
            signal.addEventListener("abort", () => {
              if (waiting.includes(entry)) waiting.splice(waiting.indexOf(entry), 1);
              resolve();
            });
          })
        : Promise.resolve(),
  };
}

const isFailure = (made: Readonly<Record<string, string>> | BuildFailure): made is BuildFailure => "_tag" in made;

const diskFull = (operation: string, file: string): StoreFailure => ({
  _tag: "StoreIo",
  operation,
  file,
  code: "ENOSPC",
  message: "no space left on device",
});

const rejected = (path: StorePath, reason: string): SubstituterFailure => ({
  _tag: "SubstituteRejected",
  substituter: "cache",
  path,
  reason,
});
