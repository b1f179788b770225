/**
 * Whether recipes type-check: the pinned TypeScript over them and what they import, and its diagnostics as places in the
 * workspace. Evaluates nothing.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { type EvaluatorFailure, orUnreadable, type Place, type TypeFault } from "./failure.ts";
import { type ReadLog, readLog } from "./observe.ts";
import { projectConfig } from "./recipe-project.ts";
import { chooseRecipes, configOf, type Recipe } from "./recipes.ts";
import { type Diagnostic, runTypeScript } from "./typescript.ts";
import {
  displayFile,
  findWorkspaces,
  type WorkspaceFile,
  type WorkspaceOptions,
  type Workspaces,
  workspaceFile,
} from "./workspace.ts";

export interface TypeCheckOptions extends WorkspaceOptions {
  readonly coreEntry: string;
  /** `bin/tsc` of the pinned TypeScript. */
  readonly typescript: string;
  readonly now: () => number;
  readonly timeLimitSeconds: number;
}

/** How many recipes were checked; type errors are the failure `IllTyped`. `own`: all of the innermost workspace. */
export const checkTypes =
  (options: TypeCheckOptions, names: readonly string[] | "own"): TaskEither<EvaluatorFailure, number> =>
  () =>
    orUnreadable(async () => {
      const workspaces = findWorkspaces(options);
      if (isLeft(workspaces)) return workspaces;
      const log = readLog(options.now);
      const looked = names === "own" ? workspaces.right.slice(0, 1) : workspaces.right;
      const chosen = chooseRecipes(looked, names === "own" ? "all" : names, log);
      if (isLeft(chosen)) return chosen;
      const { recipes } = chosen.right;
      const config = configOf(workspaces.right, log);
      const checked = await typeFailure(options, { workspaces: workspaces.right, recipes, config, log });
      return isLeft(checked) ? checked : right(recipes.length);
    });

export interface CheckedModules {
  readonly workspaces: Workspaces;
  readonly recipes: readonly Recipe[];
  /** The workspace's policy. */
  readonly config: WorkspaceFile | undefined;
  /** Told of everything that TypeScript reads: types may come from a module that an evaluation never loads. */
  readonly log: ReadLog;
}

export async function typeFailure(
  { coreEntry, typescript, timeLimitSeconds }: Omit<TypeCheckOptions, keyof WorkspaceOptions | "now">,
  { workspaces, recipes, config, log }: CheckedModules,
): Promise<Either<EvaluatorFailure, void>> {
  const shipped = workspaces.find(({ id }) => id === "@cab/derivations")?.root ?? null;
  const modules = config === undefined ? recipes : [...recipes, config];
  const files = modules.map(({ workspace, path }) => join(workspace.root, path));
  const project = projectConfig({ coreEntry, shipped }, files);
  const run = await runTypeScript(typescript, project, timeLimitSeconds);
  if (run._tag === "TimedOut") return left({ _tag: "TypesTimedOut", seconds: timeLimitSeconds });
  for (const file of run.files) log.look(file);
  if (run.diagnostics.length === 0) return right(undefined);
  return left({ _tag: "IllTyped", faults: run.diagnostics.map((diagnostic) => faultOf(workspaces, diagnostic)) });
}

function faultOf(workspaces: Workspaces, { position, code, message }: Diagnostic): TypeFault {
  // Names of types from other modules come with the module's absolute path.
  const readable = message.replaceAll(/import\("[^"]*"\)\./g, "");
  return { place: position === null ? null : placeOf(workspaces, position), code, message: readable };
}

function placeOf(workspaces: Workspaces, { file, line, column }: NonNullable<Diagnostic["position"]>): Place {
  const found = workspaceFile(workspaces, file);
  const excerpt = readFileSync(file, "utf8").split(/\r?\n/)[line - 1] ?? "";
  return {
    file: found === undefined ? file : displayFile(found.workspace, found.path),
    line,
    column,
    length: wordLength(excerpt, column),
    excerpt,
  };
}

/** TypeScript says where a mistake begins. It covers the name or the literal there, as far as one line tells. */
function wordLength(excerpt: string, column: number): number {
  const rest = excerpt.slice(column - 1);
  return (
    /^(?:[\p{ID_Start}$_][\p{ID_Continue}$]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?\d[\d.]*)/u.exec(rest)?.[0].length ??
    1
  );
}
