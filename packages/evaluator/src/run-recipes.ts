/**
 * Runs recipes in a realm. First module by module, which is quick and says nothing of what is wrong; if anything is, all
 * of them bundled, which takes longer and has the positions to say what. Knows nothing of which recipes there are.
 */
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import { evaluateModules } from "./evaluate-modules.ts";
import type { EvaluatorFailure } from "./failure.ts";
import type { ModuleMemo } from "./module-memo.ts";
import { moduleTexts } from "./module-texts.ts";
import type { Entry } from "./modules.ts";
import type { ReadLog } from "./observe.ts";
import type { RealmOptions } from "./realm.ts";
import { hasModuleRealms } from "./realm-modules.ts";
import type { RealmReport } from "./realm-program.ts";
import type { Workspaces } from "./workspace.ts";

/** What is run. */
export interface Recipes extends Entry {
  readonly workspaces: Workspaces;
  readonly coreEntry: string;
  readonly log: ReadLog;
  readonly now: () => number;
}

/** What it is run with. */
export type RunOptions = Omit<RealmOptions, "code">;

export interface Ran {
  readonly report: Exclude<RealmReport, { readonly _tag: "Threw" }>;
  /** Null unless the report is of `Evaluated`. */
  readonly graph: Uint8Array | null;
}

export async function runRecipes(
  recipes: Recipes,
  options: RunOptions,
  memo: ModuleMemo,
): Promise<Either<EvaluatorFailure, Ran>> {
  if (!hasModuleRealms) return runBundle(recipes, options);
  const outcome = await evaluateModules(recipes, options, moduleTexts({ ...recipes, memo }));
  if (outcome._tag !== "Ended") return runBundle(recipes, options, outcome._tag);
  const { report, graph } = outcome;
  return right({ report, graph });
}

/** `before`: what is known of a run of the same. */
export async function runBundle(
  recipes: Recipes,
  options: RunOptions,
  before?: "Failed" | "TimedOut",
): Promise<Either<EvaluatorFailure, Ran>> {
  const [{ bundleRecipes }, { bundlePositions }, { failureOf }, { runInRealm, timedOut }] = await Promise.all([
    import("./bundle.ts"),
    import("./positions.ts"),
    import("./thrown.ts"),
    import("./realm.ts"),
  ]);
  const bundle = await bundleRecipes(recipes);
  if (isLeft(bundle)) return bundle;
  const { code } = bundle.right;
  const outcome = before === "TimedOut" ? await timedOut({ ...options, code }) : await runInRealm({ ...options, code });
  if (outcome._tag === "TimedOut") {
    const place = bundlePositions(bundle.right).placeAmong(outcome.positions);
    return left({ _tag: "TimedOut", seconds: options.timeLimitSeconds, place });
  }
  const { report, graph } = outcome;
  return report._tag === "Threw"
    ? left(failureOf(report.thrown, bundlePositions(bundle.right)))
    : right({ report, graph });
}
