/**
 * Evaluates without the memo: chooses recipes, reads pins, runs. Loaded only when the memo has no answer, since it brings
 * the realm's code with it.
 */
import type { FetchRequest, PackageOptions, Platform, WorkspaceSettings } from "@cab/core";
import { fetchKey } from "@cab/core";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import { typeFailure } from "./check-types.ts";
import type { EvaluatorFailure, Notice } from "./failure.ts";
import { type LocalReader, localReader } from "./local.ts";
import { type Pins, readLocks } from "./lock.ts";
import type { Root } from "./memo.ts";
import type { ModuleMemo } from "./module-memo.ts";
import { type Edits, readLog } from "./observe.ts";
import type { CollectedRecipe, RealmInput } from "./realm-program.ts";
import { chooseRecipes, configOf } from "./recipes.ts";
import { type Ran, type Recipes, runBundle, runRecipes } from "./run-recipes.ts";
import type { Read } from "./stamps.ts";
import { type UsedPins, usedPins } from "./used-pins.ts";
import type { Workspaces } from "./workspace.ts";

export interface FreshOptions {
  readonly workspaces: Workspaces;
  readonly coreEntry: string;
  readonly platform: Platform;
  readonly now: () => number;
  readonly timeLimitSeconds: number;
  readonly typescript: string;
  readonly checkTypes: boolean;
  readonly edits?: Edits | undefined;
}

export interface Fresh {
  /** In the order of the names' UTF-8 bytes. */
  readonly roots: readonly Root[];
  readonly settings: WorkspaceSettings;
  readonly graph: Uint8Array;
  readonly notices: readonly Notice[];
  readonly reads: readonly Read[];
  /** Reads of lock files, of which only the used pins count. */
  readonly locks: readonly Read[];
  readonly pins: UsedPins;
}

/** One fetch that an evaluation needs. */
export interface CollectedFetch {
  readonly key: string;
  readonly request: FetchRequest;
  /** Whether a lock file has it. */
  readonly pinned: boolean;
  /** Names of the recipes below which it was met. */
  readonly wantedBy: readonly string[];
}

export interface Collected {
  /** DrvHashes; what is not pinned counts as a fetch of nothing. */
  readonly roots: readonly Root[];
  readonly fetches: readonly CollectedFetch[];
  readonly settings: WorkspaceSettings;
}

export async function evaluateFresh(
  options: FreshOptions,
  names: readonly string[],
  modules: ModuleMemo,
): Promise<Either<EvaluatorFailure, Fresh>> {
  const prepared = await prepare(options, names);
  if (isLeft(prepared)) return prepared;
  const { notices, pins, reads } = prepared.right;
  const outcome = await run(options, prepared.right, "derivations", modules);
  if (isLeft(outcome)) {
    return outcome.left._tag === "NotLocked" ? allUnpinned(options, prepared.right, outcome.left) : outcome;
  }
  const { report, graph } = outcome.right;
  if (report._tag !== "Evaluated" || graph === null) throw new Error(`BUG: the realm reported ${report._tag}`);
  const { roots, settings } = report;
  return right({ roots, settings, graph, notices, ...reads(), pins: usedPins(report.pins, pins) });
}

/** The options of every package below the recipes, in the order in which they were met, each package's once. */
export async function optionsFresh(
  options: FreshOptions,
  names: readonly string[],
): Promise<Either<EvaluatorFailure, PackageOptions[]>> {
  const prepared = await prepare(options, names);
  if (isLeft(prepared)) return prepared;
  const outcome = await run(options, prepared.right, "options");
  if (isLeft(outcome)) return outcome;
  const { report } = outcome.right;
  if (report._tag !== "Options") throw new Error(`BUG: the realm reported ${report._tag}`);
  const distinct = new Map(report.packages.map((of) => [JSON.stringify(of), of]));
  return right([...distinct.values()]);
}

export async function collectFresh(
  options: FreshOptions,
  names: readonly string[] | "all",
): Promise<Either<EvaluatorFailure, Collected>> {
  const prepared = await prepare(options, names);
  return isLeft(prepared) ? prepared : collect(options, prepared.right);
}

async function collect(options: FreshOptions, prepared: Prepared): Promise<Either<EvaluatorFailure, Collected>> {
  const outcome = await run(options, prepared, "fetches");
  if (isLeft(outcome)) return outcome;
  const { report } = outcome.right;
  if (report._tag !== "Fetches") throw new Error(`BUG: the realm reported ${report._tag}`);
  const { recipes, settings } = report;
  const roots = recipes.map(({ name, drv }) => ({ name, drv }));
  return right({ roots, fetches: fetchesOf(recipes, prepared.pins), settings });
}

function fetchesOf(recipes: readonly CollectedRecipe[], pins: Pins): CollectedFetch[] {
  const found = new Map<string, { request: FetchRequest; wantedBy: Set<string> }>();
  for (const { name, fetches } of recipes) {
    for (const request of fetches) {
      const key = fetchKey(request);
      const known = found.get(key);
      if (known === undefined) found.set(key, { request, wantedBy: new Set([name]) });
      else known.wantedBy.add(name);
    }
  }
  return [...found].map(([key, { request, wantedBy }]) => ({
    key,
    request,
    pinned: key in pins,
    wantedBy: [...wantedBy],
  }));
}

/** An evaluation ends at the first fetch without a pin; this names all of them. */
async function allUnpinned(
  options: FreshOptions,
  prepared: Prepared,
  first: Extract<EvaluatorFailure, { readonly _tag: "NotLocked" }>,
): Promise<Either<EvaluatorFailure, never>> {
  const collected = await collect(options, prepared);
  if (isLeft(collected)) return collected;
  const missing = collected.right.fetches.filter(({ pinned }) => !pinned);
  return left({ ...first, missing: missing.map(({ key, wantedBy }) => ({ key, wantedBy })) });
}

/** What an evaluation needs before it runs. */
interface Prepared {
  readonly notices: readonly Notice[];
  readonly pins: Pins;
  readonly recipes: Recipes;
  readonly local: LocalReader;
  readonly checkTypes: () => Promise<Either<EvaluatorFailure, void>>;
  /** What has been read so far. */
  readonly reads: () => Pick<Fresh, "reads" | "locks">;
}

async function prepare(
  options: FreshOptions,
  names: readonly string[] | "all",
): Promise<Either<EvaluatorFailure, Prepared>> {
  const { workspaces, coreEntry, timeLimitSeconds, typescript, now, edits } = options;
  const log = readLog(now, edits);
  const lockLog = readLog(now, edits);
  const chosen = chooseRecipes(workspaces, names, log);
  if (isLeft(chosen)) return chosen;
  const { recipes, notices } = chosen.right;
  const config = configOf(workspaces, log);
  const checkTypes = () =>
    typeFailure({ coreEntry, typescript, timeLimitSeconds }, { workspaces, recipes, config, log });
  if (options.checkTypes) {
    const checked = await checkTypes();
    if (isLeft(checked)) return checked;
  }
  const pins = readLocks(workspaces, lockLog);
  if (isLeft(pins)) return pins;
  return right({
    notices,
    pins: pins.right,
    recipes: { workspaces, recipes, config, coreEntry, log, now },
    local: localReader(workspaces, log),
    checkTypes,
    reads: () => ({ reads: log.reads(), locks: lockLog.reads() }),
  });
}

async function run(
  options: FreshOptions,
  { recipes, pins, local, checkTypes }: Prepared,
  wanted: RealmInput["wanted"],
  modules?: ModuleMemo,
): Promise<Either<EvaluatorFailure, Ran>> {
  const { platform, timeLimitSeconds } = options;
  const realm = { input: { platform, pins, wanted }, local, timeLimitSeconds };
  const ran = modules === undefined ? await runBundle(recipes, realm) : await runRecipes(recipes, realm, modules);
  if (isLeft(ran)) return ran;
  const { report } = ran.right;
  // What the policy says is known by now only.
  if (report._tag === "Evaluated" && report.settings.checkTypes && !options.checkTypes) {
    const checked = await checkTypes();
    if (isLeft(checked)) return checked;
  }
  return ran;
}
