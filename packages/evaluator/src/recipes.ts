/** Which recipes there are, and which file a name means. Reads folders through the log; knows nothing of contents. */
import { join } from "node:path";
import { compareUtf8, nearestNames } from "@cab/core";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import type { EvaluatorFailure, Notice } from "./failure.ts";

import { concernsRecipes, type ReadLog } from "./observe.ts";
import {
  CONFIG_FILE,
  displayFile,
  pathBelow,
  type Workspace,
  type WorkspaceFile,
  type Workspaces,
} from "./workspace.ts";

export interface Recipe extends WorkspaceFile {
  /** The file's base name. */
  readonly name: string;
}

export interface Chosen {
  /** In the order of their names' UTF-8 bytes, so that the order of asking never matters. */
  readonly recipes: readonly Recipe[];
  readonly notices: readonly Notice[];
}

/** "all" are those of the first workspace. */
export function chooseRecipes(
  workspaces: Workspaces,
  wanted: readonly string[] | "all",
  log: ReadLog,
): Either<EvaluatorFailure, Chosen> {
  const found = new Map<string, Recipe>();
  const notices: Notice[] = [];
  for (const workspace of workspaces) {
    const index = indexRecipes(workspace, log);
    if (isLeft(index)) return index;
    for (const [name, recipe] of index.right) {
      const winner = found.get(name);
      if (winner === undefined) found.set(name, recipe);
      else if (wanted === "all" || wanted.includes(name)) notices.push(overridden(winner, recipe));
    }
  }
  const own = [...found.values()].filter(({ workspace }) => workspace === workspaces[0]);
  const names = wanted === "all" ? own.map(({ name }) => name) : [...new Set(wanted)];
  const unknown = names.filter((name) => !found.has(name));
  if (unknown.length > 0) {
    return left({
      _tag: "UnknownRecipes",
      unknown: unknown.map((name) => ({ name, nearest: nearestNames(name, found.keys()) })),
      folders: workspaces.map(({ recipes }) => recipes),
    });
  }
  const recipes = names.sort(compareUtf8).map((name) => found.get(name) as Recipe);
  return right({ recipes, notices });
}

const overridden = (winner: Recipe, shipped: Recipe): Notice => ({
  _tag: "Overridden",
  name: winner.name,
  file: displayFile(winner.workspace, winner.path),
  shipped: displayFile(shipped.workspace, shipped.path),
});

/** Symbolic links are passed over: a file has one place. */
function indexRecipes(workspace: Workspace, log: ReadLog): Either<EvaluatorFailure, Map<string, Recipe>> {
  const index = new Map<string, Recipe>();
  const folders = [workspace.recipes];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const observed = log.look(folder, "recipes");
    if (observed._tag !== "Directory") continue;
    for (const entry of observed.entries.filter(concernsRecipes)) {
      const file = join(folder, entry.name.toString());
      if (entry.kind === "directory") {
        folders.push(file);
        continue;
      }
      const name = entry.name.toString().slice(0, -".ts".length);
      const recipe = { name, workspace, path: pathBelow(workspace.root, file) as string };
      const other = index.get(name);
      if (other !== undefined) {
        const files = [other.path, recipe.path].sort(compareUtf8).map((path) => displayFile(workspace, path));
        return left({ _tag: "DuplicateRecipe", name, files: files as [string, string] });
      }
      index.set(name, recipe);
    }
  }
  return right(index);
}

/** The policy of the workspace that a command runs in; the shipped one has none. */
export function configOf(workspaces: Workspaces, log: ReadLog): WorkspaceFile | undefined {
  const own = workspaces.find(({ id }) => id === "user");
  if (own === undefined) return undefined;
  const config = log.look(join(own.root, CONFIG_FILE));
  return config._tag === "Absent" ? undefined : { workspace: own, path: CONFIG_FILE };
}
