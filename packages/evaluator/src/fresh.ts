/**
 * Evaluates without the memo: chooses recipes, reads pins, bundles, runs. Loaded only when the memo has no answer,
 * since it brings the bundler's and the realm's code with it.
 */
import type { FetchRequest, PackageOptions, Platform, WorkspaceSettings } from "@cab/core";
import { fetchKey } from "@cab/core";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import { bundleRecipes } from "./bundle.ts";
import { typeFailure } from "./check-types.ts";
import type { EvaluatorFailure, Notice } from "./failure.ts";
import { localReader } from "./local.ts";
import { type Pins, readLocks } from "./lock.ts";
import type { Root } from "./memo.ts";
import { type ReadLog, readLog } from "./observe.ts";
import { bundlePositions } from "./positions.ts";
import { runInRealm } from "./realm.ts";
import type { RealmInput, RealmReport } from "./realm-program.ts";
import { chooseRecipes, configOf } from "./recipes.ts";
import type { Read } from "./stamps.ts";
import { failureOf } from "./thrown.ts";
import type { Workspaces } from "./workspace.ts";

export interface FreshOptions {
  readonly workspaces: Workspaces;
  readonly coreEntry: string;
  readonly platform: Platform;
  readonly now: () => number;
  readonly timeLimitSeconds: number;
  readonly typescript: string;
  readonly checkTypes: boolean;
}

export interface Fresh {
  /** In the order of the names' UTF-8 bytes. */
  readonly roots: readonly Root[];
  readonly settings: WorkspaceSettings;
  readonly graph: Uint8Array;
  readonly notices: readonly Notice[];
  readonly reads: readonly Read[];
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

export interface CollectedFetches {
  readonly fetches: readonly CollectedFetch[];
  readonly settings: WorkspaceSettings;
}

export async function evaluateFresh(
  options: FreshOptions,
  names: readonly string[],
): Promise<Either<EvaluatorFailure, Fresh>> {
  const log = readLog(options.now);
  const outcome = await run(options, names, log, "derivations");
  if (isLeft(outcome)) return outcome;
  const { report, graph, notices } = outcome.right;
  if (report._tag !== "Evaluated" || graph === null) throw new Error(`BUG: the realm reported ${report._tag}`);
  return right({ roots: report.roots, settings: report.settings, graph, notices, reads: log.reads() });
}

/** The options of every package below the recipes, in the order in which they were met, each package's once. */
export async function optionsFresh(
  options: FreshOptions,
  names: readonly string[],
): Promise<Either<EvaluatorFailure, PackageOptions[]>> {
  const outcome = await run(options, names, readLog(options.now), "options");
  if (isLeft(outcome)) return outcome;
  const { report } = outcome.right;
  if (report._tag !== "Options") throw new Error(`BUG: the realm reported ${report._tag}`);
  const distinct = new Map(report.packages.map((of) => [JSON.stringify(of), of]));
  return right([...distinct.values()]);
}

export async function collectFresh(
  options: FreshOptions,
  names: readonly string[] | "all",
): Promise<Either<EvaluatorFailure, CollectedFetches>> {
  const outcome = await run(options, names, readLog(options.now), "fetches");
  if (isLeft(outcome)) return outcome;
  const { report, pins } = outcome.right;
  if (report._tag !== "Fetches") throw new Error(`BUG: the realm reported ${report._tag}`);
  const found = new Map<string, { request: FetchRequest; wantedBy: Set<string> }>();
  for (const { request, recipe } of report.fetches) {
    const key = fetchKey(request);
    const known = found.get(key);
    if (known === undefined) found.set(key, { request, wantedBy: new Set([recipe]) });
    else known.wantedBy.add(recipe);
  }
  const fetches = [...found].map(([key, { request, wantedBy }]) => ({
    key,
    request,
    pinned: key in pins,
    wantedBy: [...wantedBy],
  }));
  return right({ fetches, settings: report.settings });
}

interface Outcome {
  readonly report: RealmReport;
  readonly graph: Uint8Array | null;
  readonly notices: readonly Notice[];
  readonly pins: Pins;
}

async function run(
  options: FreshOptions,
  names: readonly string[] | "all",
  log: ReadLog,
  wanted: RealmInput["wanted"],
): Promise<Either<EvaluatorFailure, Outcome>> {
  const { workspaces, coreEntry, platform, timeLimitSeconds, typescript } = options;
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
  const pins = readLocks(workspaces, log);
  if (isLeft(pins)) return pins;
  const bundle = await bundleRecipes({ workspaces, recipes, config, coreEntry, log });
  if (isLeft(bundle)) return bundle;
  const outcome = await runInRealm({
    code: bundle.right.code,
    input: { platform, pins: pins.right, wanted },
    local: localReader(workspaces, log),
    timeLimitSeconds,
  });
  if (outcome._tag === "TimedOut") {
    const place = bundlePositions(bundle.right).placeAmong(outcome.positions);
    return left({ _tag: "TimedOut", seconds: timeLimitSeconds, place });
  }
  const { report, graph } = outcome;
  if (report._tag === "Threw") return left(failureOf(report.thrown, bundlePositions(bundle.right)));
  // What the policy says is known by now only.
  if (report._tag === "Evaluated" && report.settings.checkTypes && !options.checkTypes) {
    const checked = await checkTypes();
    if (isLeft(checked)) return checked;
  }
  return right({ report, graph, notices, pins: pins.right });
}
