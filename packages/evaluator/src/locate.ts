/** Where the recipes of these names stand. Reads folders only. */
import { isLeft, map } from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import type { EvaluatorOptions } from "./evaluate.ts";
import { type EvaluatorFailure, orUnreadable } from "./failure.ts";
import type { Recipe } from "./recipes.ts";
import { findWorkspaces } from "./workspace.ts";

/** In the order of their names. */
export const locateRecipes =
  (
    options: Pick<EvaluatorOptions, "cwd" | "workspace" | "shipped" | "now">,
    names: readonly string[],
  ): TaskEither<EvaluatorFailure, readonly Recipe[]> =>
  () =>
    orUnreadable(async () => {
      const workspaces = findWorkspaces(options);
      if (isLeft(workspaces)) return workspaces;
      const [{ readLog }, { chooseRecipes }] = await Promise.all([import("./observe.ts"), import("./recipes.ts")]);
      const chosen = chooseRecipes(workspaces.right, names, readLog(options.now));
      return map(({ recipes }: { readonly recipes: readonly Recipe[] }) => recipes)(chosen);
    });
