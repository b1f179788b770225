/**
 * Names of recipes in, derivations out: through the memo where nothing that was read has changed, else afresh. A hit is
 * the hot path of every command, so all that it does not need is loaded when it is needed.
 */
import type { Derivation, DrvHash, PackageOptions, Platform, WorkspaceSettings } from "@cab/core";
import { type Either, isLeft, right } from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { type EvaluatorFailure, type Notice, orUnreadable } from "./failure.ts";
import type { Collected, FreshOptions } from "./fresh.ts";
import { type MemoKey, type MemoRecord, type MemoStore, recall, recallValue, remember, rememberValue } from "./memo.ts";
import type { Edits } from "./observe.ts";
import { type Read, suspectsAmong } from "./stamps.ts";
import type { UsedPins } from "./used-pins.ts";
import { findWorkspaces, type WorkspaceOptions, type Workspaces } from "./workspace.ts";

export interface EvaluatorOptions extends WorkspaceOptions {
  /** The module that recipes import as `@cab/core`: its `index.ts`, or what stands for it beside an installed bundle. */
  readonly coreEntry: string;
  readonly platform: Platform;
  /** Whatever identifies this build of cab, its esbuild included. */
  readonly version: string;
  readonly memo: MemoStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** After which a recipe that has not ended is stopped; 30 unless given. */
  readonly timeLimitSeconds?: number;
  /** `bin/tsc` of the pinned TypeScript. */
  readonly typescript: string;
  /** Refuses what does not type-check. Otherwise types are the editor's and `cab check-types`'s business. */
  readonly checkTypes: boolean;
}

export type MemoOutcome =
  | { readonly _tag: "Hit" }
  /** Never evaluated so, or the memo was evicted or damaged. */
  | { readonly _tag: "Absent" }
  /** The first file or folder that is no longer what was read. */
  | { readonly _tag: "Changed"; readonly path: string }
  /** The first pin that the lock files no longer give as it was used. */
  | { readonly _tag: "PinChanged"; readonly key: string };

export type DerivationLookup = (hash: DrvHash) => Derivation | undefined;

export interface Evaluation {
  /** In the order asked for. */
  readonly roots: readonly { readonly name: string; readonly drv: DrvHash }[];
  /** Loads everything that the roots need. Left unread by whoever needs only the roots' hashes. */
  readonly derivations: TaskEither<EvaluatorFailure, DerivationLookup>;
  /** What the workspace's policy asks of the command. */
  readonly settings: WorkspaceSettings;
  readonly notices: readonly Notice[];
  readonly memo: MemoOutcome;
}

export const evaluate =
  (options: EvaluatorOptions, names: readonly string[]): TaskEither<EvaluatorFailure, Evaluation> =>
  () =>
    orUnreadable(() => evaluation(options, names));

async function evaluation(
  options: EvaluatorOptions,
  names: readonly string[],
): Promise<Either<EvaluatorFailure, Evaluation>> {
  const workspaces = findWorkspaces(options);
  if (isLeft(workspaces)) return workspaces;
  const key = memoKey(options, workspaces.right, names);
  const remembered = await recalled(options, workspaces.right, key);
  if (remembered._tag === "Hit") {
    const { record } = remembered;
    const derivations = () => orUnreadable(() => derivationsOf(options, workspaces.right, key, record));
    return right(evaluationOf(names, record, derivations, { _tag: "Hit" }));
  }
  const fresh = await evaluatedAfresh(options, workspaces.right, key);
  if (isLeft(fresh)) return fresh;
  const { record, graph } = fresh.right;
  return right(evaluationOf(names, record, () => decoded(graph), remembered));
}

/**
 * Every fetch that the recipes need, pinned or not: what `cab lock` works on. "all" are those of the first workspace, with
 * whatever they use of the others. With edits, as if those files read so. Uses no memo.
 */
export const collectFetches =
  (
    options: Omit<EvaluatorOptions, "memo" | "version">,
    names: readonly string[] | "all",
    edits?: Edits,
  ): TaskEither<EvaluatorFailure, Collected> =>
  () =>
    orUnreadable(async () => {
      const workspaces = findWorkspaces(options);
      if (isLeft(workspaces)) return workspaces;
      const { collectFresh } = await import("./fresh.ts");
      return collectFresh({ ...freshOptions(options, workspaces.right), edits }, names);
    });

/** The options of the packages below these recipes, and who chose their values. Uses no memo. */
export const collectOptions =
  (
    options: Omit<EvaluatorOptions, "memo" | "version">,
    names: readonly string[],
  ): TaskEither<EvaluatorFailure, readonly PackageOptions[]> =>
  () =>
    orUnreadable(async () => {
      const workspaces = findWorkspaces(options);
      if (isLeft(workspaces)) return workspaces;
      const { optionsFresh } = await import("./fresh.ts");
      return optionsFresh(freshOptions(options, workspaces.right), names);
    });

function evaluationOf(
  names: readonly string[],
  { roots, settings, notices }: MemoRecord,
  derivations: Evaluation["derivations"],
  memo: MemoOutcome,
): Evaluation {
  const hashes = new Map(roots.map(({ name, drv }) => [name, drv as DrvHash]));
  return {
    roots: names.map((name) => ({ name, drv: hashes.get(name) as DrvHash })),
    derivations,
    settings,
    notices,
    memo,
  };
}

const memoKey = (
  { platform, coreEntry, version, checkTypes }: EvaluatorOptions,
  workspaces: Workspaces,
  names: readonly string[],
): MemoKey => ({
  roots: workspaces.map(({ id, root }) => `${id}=${root}`),
  names: [...new Set(names)].sort(),
  platform: JSON.stringify([platform.build, platform.host, platform.libc, platform.link]),
  coreEntry,
  cab: version,
  // Remembered apart: only a hit among the checked says that the types were right.
  types: checkTypes ? "checked" : "unchecked",
  node: process.version,
});

type Recalled = { readonly _tag: "Hit"; readonly record: MemoRecord } | Exclude<MemoOutcome, { readonly _tag: "Hit" }>;

async function recalled({ memo, now }: EvaluatorOptions, workspaces: Workspaces, key: MemoKey): Promise<Recalled> {
  const record = recall(memo, key);
  if (record === undefined) return { _tag: "Absent" };
  const isLockMoved = suspectsAmong(record.locks).length > 0;
  if (!isLockMoved && suspectsAmong(record.reads).length === 0) return { _tag: "Hit", record };
  const { recheck } = await import("./observe.ts");
  const checked = recheck(record.reads, now);
  if (checked._tag !== "Same") return checked;
  const locks = isLockMoved ? await recheckedLocks() : record.locks;
  if ("_tag" in locks) return locks;
  // Touched, checked out again with the same bytes, or pins that others use: the next time the stamps alone suffice.
  await remember(memo, key, { ...record, reads: checked.reads, locks });
  return { _tag: "Hit", record };

  async function recheckedLocks(): Promise<readonly Read[] | Exclude<Recalled, { readonly _tag: "Hit" }>> {
    const value = recallValue(memo, "pins", record?.pins ?? "");
    if (value === undefined) return { _tag: "Absent" };
    const { recheckPins } = await import("./used-pins.ts");
    const found = recheckPins(workspaces, JSON.parse(Buffer.from(value).toString()) as UsedPins, now);
    return found._tag === "Same" ? found.locks : found;
  }
}

const freshOptions = (
  { coreEntry, platform, now, timeLimitSeconds, typescript, checkTypes }: Omit<EvaluatorOptions, "memo" | "version">,
  workspaces: Workspaces,
): FreshOptions => ({
  workspaces,
  coreEntry,
  platform,
  now,
  timeLimitSeconds: timeLimitSeconds ?? 30,
  typescript,
  checkTypes,
});

async function evaluatedAfresh(
  options: EvaluatorOptions,
  workspaces: Workspaces,
  key: MemoKey,
): Promise<Either<EvaluatorFailure, { record: MemoRecord; graph: Uint8Array }>> {
  const [{ evaluateFresh }, { moduleMemo }] = await Promise.all([import("./fresh.ts"), import("./module-memo.ts")]);
  const fresh = await evaluateFresh(freshOptions(options, workspaces), key.names, moduleMemo(options.memo, key));
  if (isLeft(fresh)) return fresh;
  const { graph, pins, ...rest } = fresh.right;
  const record = {
    ...rest,
    graph: await rememberValue(options.memo, "graph", graph),
    pins: await rememberValue(options.memo, "pins", Buffer.from(JSON.stringify(pins))),
  };
  await remember(options.memo, key, record);
  return right({ record, graph });
}

/** A graph that was evicted or damaged is made again. */
async function derivationsOf(
  options: EvaluatorOptions,
  workspaces: Workspaces,
  key: MemoKey,
  record: MemoRecord,
): Promise<Either<EvaluatorFailure, DerivationLookup>> {
  const graph = recallValue(options.memo, "graph", record.graph);
  if (graph !== undefined) return decoded(graph);
  const fresh = await evaluatedAfresh(options, workspaces, key);
  return isLeft(fresh) ? fresh : decoded(fresh.right.graph);
}

async function decoded(graph: Uint8Array): Promise<Either<EvaluatorFailure, DerivationLookup>> {
  const { decodeGraph } = await import("./graph.ts");
  return right(decodeGraph(Buffer.from(graph.buffer, graph.byteOffset, graph.length).toString("latin1")));
}
