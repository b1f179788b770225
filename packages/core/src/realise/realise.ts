/**
 * Realising: making the outputs of derivations exist. A suspending scheduler over constructive traces, in the words of
 * "Build Systems à la Carte" (Mokhov, Mitchell, Peyton Jones, 2018); a suspended task is a promise here.
 *
 * Two kinds of want. The *path* of an output is looked up, here or at a substituter, under the derivation's own hash,
 * then, once the paths of its inputs are known, under its resolved hash: a hit there is early cutoff. Only if both miss
 * is the derivation built. *Bytes* are wanted for the closure of what was asked for, and for the inputs of what must be
 * built. So what is up to date touches its root alone, and what a cache holds fetches its run-time closure alone.
 *
 * Inside, `undefined` for a promised result means: failed, and reported already, here or further down.
 */
import { pipe } from "fp-ts/lib/function.js";
import type { Task } from "fp-ts/lib/Task.js";
import * as TE from "fp-ts/lib/TaskEither.js";
import {
  type Derivation,
  type DrvHash,
  type DrvOutput,
  drvHash,
  isBuiltin,
  neededOutputs,
  type ResolvedDerivation,
  resolveDerivation,
} from "../derivation.ts";
import type { BuildFailure, DerivationFailure, StoreFailure } from "../failure.ts";
import type { BuilderPort, StorePort, SubstituterPort } from "../ports.ts";
import { realisationsOf } from "../realisation.ts";
import { namePart, type StorePath, sortedPaths } from "../store-path.ts";
import { type RealiseEvent, workOf } from "./event.ts";
import { criticalRanks, type DerivationOf, namesDownTo, neededDrvs, shortestWays } from "./graph.ts";
import { createKeeper } from "./keep.ts";
import { knownPaths, type OutputPaths, substitutedPaths } from "./lookup.ts";
import { andDiscard, createReceiver } from "./receive.ts";
import { createSlots } from "./slots.ts";
import { all, once, untilAborted } from "./task.ts";

export interface RealisePorts {
  readonly store: StorePort;
  readonly builder: BuilderPort;
  /** Asked in this order. */
  readonly substituters: readonly SubstituterPort[];
  readonly emit: (event: RealiseEvent) => void;
  /** Seconds since some fixed moment. */
  readonly now: () => number;
  /** Ends everything: running builders are stopped, nothing new starts. */
  readonly signal: AbortSignal;
}

export interface RealiseRequest {
  /** The graph; asked only for what has to be looked at. */
  readonly derivation: DerivationOf;
  /** Whose `outputs` are wanted with their bytes. */
  readonly roots: readonly { readonly drv: DrvHash; readonly outputs: readonly string[] }[];
  /** What holds the sandbox's own programs: needed before the first sandboxed build, never hashed. */
  readonly sandboxTools: DrvOutput | null;
  /** Builders at once. */
  readonly jobs: number;
  /** Downloads at once. */
  readonly downloads: number;
  /** Whether outputs stay in the store until it is closed, even if all is up to date: for who goes on to use them. */
  readonly keepOutputs: boolean;
  /** Whether a failure leaves alone what does not depend on it. */
  readonly keepGoing: boolean;
}

export interface Realised {
  /** In the order of the request's roots; undefined for one that failed. */
  readonly outputs: readonly (OutputPaths | undefined)[];
  /** Names of derivations, in the order in which they ended. */
  readonly built: readonly string[];
  /** Names of what was downloaded: sources from upstream, objects from substituters. */
  readonly fetched: readonly string[];
  readonly cutoff: readonly string[];
  /** Names of what other processes made while we waited. */
  readonly elsewhere: readonly string[];
  readonly failures: readonly DerivationFailure[];
}

export const realise =
  (request: RealiseRequest) =>
  (ports: RealisePorts): Task<Realised> =>
  () =>
    createRealiser(request, ports).run();

type Failed = undefined;

function createRealiser(request: RealiseRequest, ports: RealisePorts) {
  const { derivation, sandboxTools } = request;
  const { store, emit, now } = ports;
  const rootHashes = request.roots.map((root) => root.drv);
  const slots = createSlots(request.jobs);
  const downloads = createSlots(request.downloads);
  const keeper = createKeeper(store);
  const stop = new AbortController();
  const signal = AbortSignal.any([ports.signal, stop.signal]);
  const built: string[] = [];
  const fetched: string[] = [];
  const cutoff: string[] = [];
  const elsewhere: string[] = [];
  const failures: DerivationFailure[] = [];
  const failed = new Set<DrvHash>();
  let ranks: ReadonlyMap<DrvHash, number> | undefined;
  let ways: ReadonlyMap<DrvHash, DrvHash | null> | undefined;

  const trouble = (substituter: string, reason: string): void =>
    emit({ _tag: "SubstituterTrouble", substituter, reason });

  /** Longest way to the end first; computed when the first derivation waits for a slot, since most runs build nothing. */
  const rankOf = (hash: DrvHash): number => {
    const seconds = (drv: Derivation): number => store.buildSeconds(drv.name) ?? (isBuiltin(drv) ? 0.1 : 10);
    ranks ??= criticalRanks(rootHashes, derivation, seconds);
    return ranks.get(hash) ?? Number.MAX_VALUE;
  };

  const fail = (drv: DrvHash, cause: DerivationFailure["cause"]): Failed => {
    const consequence =
      cause._tag === "Cancelled" && (stop.signal.aborted || failures.some((f) => f.cause._tag === "Cancelled"));
    if (consequence || failed.has(drv)) return undefined;
    failed.add(drv);
    ways ??= shortestWays(rootHashes, derivation);
    const wantedBy = namesDownTo(drv, ways, derivation);
    const failure: DerivationFailure = { _tag: "DerivationFailed", drv, name: derivation(drv).name, cause, wantedBy };
    failures.push(failure);
    emit({ _tag: "Failed", failure });
    if (!request.keepGoing) stop.abort();
    return undefined;
  };

  /** Under a derivation's own hash, and that of the one it resolves to if given. */
  const record = async (
    hash: DrvHash,
    paths: OutputPaths,
    resolved?: { readonly drv: ResolvedDerivation; readonly hash: DrvHash },
  ): Promise<OutputPaths | Failed> => {
    const facts = resolved === undefined ? [] : realisationsOf(resolved.drv, resolved.hash, paths);
    const written = await store.record([...facts, ...realisationsOf(derivation(hash), hash, paths)])();
    return written._tag === "Right" ? paths : fail(hash, written.left);
  };

  const paths = once(async (hash: DrvHash): Promise<OutputPaths | Failed> => {
    const drv = derivation(hash);
    const known = knownPaths(store, drv, hash);
    if (known !== undefined) return known;
    // From here on the caller's stack is left: a chain of wants may be any length.
    await undefined;
    const traced = await substitutedPaths(ports.substituters, trouble, drv, hash);
    if (traced !== undefined) return record(hash, traced);
    const resolved = await resolution(hash);
    if (resolved === undefined) return undefined;
    const resolvedHash = drvHash(resolved);
    if (resolvedHash === hash) return build(hash);
    const same =
      knownPaths(store, resolved, resolvedHash) ??
      (await substitutedPaths(ports.substituters, trouble, resolved, resolvedHash));
    if (same === undefined) return build(hash);
    cutoff.push(drv.name);
    emit({ _tag: "CutOff", drv: hash, name: drv.name });
    return record(hash, same, { drv: resolved, hash: resolvedHash });
  });

  const resolution = once(async (hash: DrvHash): Promise<ResolvedDerivation | Failed> => {
    const drv = derivation(hash);
    const inputs = new Map<DrvHash, OutputPaths>();
    for (const [need, found] of await all(neededDrvs(drv), paths)) {
      if (found === undefined) return undefined;
      inputs.set(need, found);
    }
    return resolveDerivation(drv, {
      name: (input) => derivation(input).name,
      path: ({ drv: input, output }) => inputs.get(input)?.[output] as StorePath,
    });
  });

  /** Makes one output's closure valid in this store. */
  const bytes = async ({ drv: hash, output }: DrvOutput): Promise<StorePath | Failed> => {
    const known = await paths(hash);
    const path = known?.[output];
    if (known === undefined || path === undefined) return path;
    const held = await keeper.holds(path);
    if (held._tag === "Left") return fail(hash, held.left);
    if (held.right || (await substituted(path))) return path;
    const rebuilt = await build(hash);
    if (rebuilt === undefined) return undefined;
    // All outputs are compared: a sibling that is still here may have come out different.
    for (const [name, actual] of Object.entries(rebuilt)) {
      const expected = known[name] as StorePath;
      if (actual !== expected) return fail(hash, { _tag: "NonReproducible", output: name, expected, actual });
    }
    return path;
  };

  const substituted = createReceiver({
    ports: { ...ports, signal },
    slots: downloads,
    trouble,
    keeper,
    onReceived: (path) => fetched.push(namePart(path)),
  });

  const build = once(async (hash: DrvHash): Promise<OutputPaths | Failed> => {
    const resolved = await resolution(hash);
    if (resolved === undefined) return undefined;
    const begun = await keeper.begin();
    if (begun._tag === "Left") return fail(hash, begun.left);
    const { name, builder } = resolved;
    emit({ _tag: "Wanted", drv: hash, name, work: workOf(builder) });
    const needs = neededOutputs(derivation(hash));
    const tools = isBuiltin(resolved) ? null : sandboxTools;
    const here = await Promise.all([...needs, ...(tools === null ? [] : [tools])].map(bytes));
    if (here.includes(undefined)) return undefined;
    if (signal.aborted) return fail(hash, { _tag: "Cancelled" });
    const resolvedHash = drvHash(resolved);
    const outputs = await buildResolved(resolvedHash, resolved, hash, tools === null ? null : (here.at(-1) ?? null));
    return outputs === undefined || resolvedHash === hash ? outputs : record(hash, outputs);
  });

  const running = new Map<DrvHash, Promise<OutputPaths | Failed>>();
  /** Two derivations of one run may resolve to one: it is built for both. */
  const buildResolved = (
    resolvedHash: DrvHash,
    resolved: ResolvedDerivation,
    hash: DrvHash,
    tools: StorePath | null,
  ): Promise<OutputPaths | Failed> => {
    const started = running.get(resolvedHash) ?? claimAndRun(resolvedHash, resolved, hash, tools);
    running.set(resolvedHash, started);
    return started;
  };

  const claimAndRun = async (
    resolvedHash: DrvHash,
    resolved: ResolvedDerivation,
    hash: DrvHash,
    tools: StorePath | null,
  ): Promise<OutputPaths | Failed> => {
    for (;;) {
      const release = await (workOf(resolved.builder) === "fetch" ? downloads : slots).acquire(rankOf(hash));
      if (signal.aborted) {
        release();
        return fail(hash, { _tag: "Cancelled" });
      }
      const claim = await store.claim(resolvedHash)();
      if (claim._tag === "Left") {
        release();
        return fail(hash, claim.left);
      }
      if (claim.right._tag === "Ours") {
        const meanwhile = await finishedMeanwhile(resolved, resolvedHash);
        const outputs = meanwhile ?? (await run(resolvedHash, resolved, hash, tools));
        await claim.right.release();
        release();
        return outputs;
      }
      release();
      const { name, builder } = resolved;
      const { holder, ended } = claim.right;
      emit({ _tag: "BuiltElsewhere", drv: hash, name, resolved: resolvedHash, work: workOf(builder), holder });
      await untilAborted(ended, signal);
      const outputs = await finishedMeanwhile(resolved, resolvedHash);
      if (outputs === undefined && signal.aborted) return fail(hash, { _tag: "Cancelled" });
      emit({ _tag: "Waited", drv: hash, name, found: outputs !== undefined });
      if (outputs === undefined) continue;
      elsewhere.push(name);
      return outputs;
    }
  };

  /** What another process registered between our look-up and our claim. */
  const finishedMeanwhile = async (
    resolved: ResolvedDerivation,
    resolvedHash: DrvHash,
  ): Promise<OutputPaths | undefined> => {
    const outputs = knownPaths(store, resolved, resolvedHash);
    for (const path of Object.values(outputs ?? {})) {
      const held = await keeper.holds(path);
      // Where keeping fails, building will, and is what reports it.
      if (held._tag === "Left" || !held.right) return undefined;
    }
    return outputs;
  };

  const run = async (
    resolvedHash: DrvHash,
    drv: ResolvedDerivation,
    hash: DrvHash,
    tools: StorePath | null,
  ): Promise<OutputPaths | Failed> => {
    const work = workOf(drv.builder);
    const started = now();
    emit({ _tag: "Started", drv: hash, name: drv.name, work, at: started });
    const inputs = closure(store, drv.inputSrcs);
    const outputs = await pipe(
      store.openScratch(drv.name),
      TE.flatMap((scratch) =>
        pipe(
          ports.builder.build({
            drv,
            drvHash: resolvedHash,
            scratch,
            inputs,
            sandboxTools: tools,
            physical: store.physical,
            signal,
            onBytes: (received, total) => emit({ _tag: "Bytes", drv: hash, received, total }),
          }),
          TE.flatMap((): TE.TaskEither<BuildFailure | StoreFailure, OutputPaths> => {
            const ended = now();
            emit({ _tag: "Ran", drv: hash, at: ended });
            const derivers = hash === resolvedHash ? [] : [hash];
            return store.admitOutputs({
              scratch,
              drv,
              drvHash: resolvedHash,
              inputs,
              derivers,
              seconds: ended - started,
            });
          }),
          andDiscard(store, scratch),
        ),
      ),
    )();
    if (outputs._tag === "Left") return fail(hash, outputs.left);
    if (work === "build") built.push(drv.name);
    if (work === "fetch") fetched.push(drv.name);
    emit({ _tag: "Finished", drv: hash, name: drv.name, work, at: now() });
    return outputs.right;
  };

  const rootOutputs = async (root: RealiseRequest["roots"][number]): Promise<OutputPaths | Failed> => {
    const here = await Promise.all(root.outputs.map((output) => bytes({ drv: root.drv, output })));
    return here.includes(undefined) ? undefined : paths(root.drv);
  };

  const allOutputs = (): Promise<(OutputPaths | Failed)[]> => Promise.all(request.roots.map(rootOutputs));

  return {
    run: async (): Promise<Realised> => {
      if (request.keepOutputs) await keeper.begin();
      const first = await allOutputs();
      // Once is enough: everything that was relied on since then has been kept.
      const outputs = keeper.hasLost() ? await allOutputs() : first;
      return { outputs, built, fetched, cutoff, elsewhere, failures };
    },
  };
}

/** Everything reachable from `paths`, all of it valid, sorted. */
export function closure(store: Pick<StorePort, "object">, paths: readonly StorePath[]): StorePath[] {
  const reached = new Set<StorePath>(paths);
  for (const path of reached) for (const reference of store.object(path)?.references ?? []) reached.add(reference);
  return sortedPaths(reached);
}
