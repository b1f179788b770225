/**
 * Finds the workspaces: the user's own and the shipped `@cab/derivations`. Knows folders; not which recipes are in them.
 * On the path of every command, so it loads nothing but `node:fs` and `node:path`.
 */
import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { type Either, left, right } from "fp-ts/lib/Either.js";
import type { EvaluatorFailure } from "./failure.ts";

export interface Workspace {
  /** Part of a local file's derivation, so it says nothing of where the workspace lies. */
  readonly id: "user" | "@cab/derivations";
  /** Absolute, without symbolic links. What files are relative to, and where `cab.lock` is. */
  readonly root: string;
  /** Where recipes are looked for. */
  readonly recipes: string;
}

/** The user's workspace first: its recipes and pins win. */
export type Workspaces = readonly Workspace[];

export interface WorkspaceOptions {
  readonly cwd: string;
  /** A folder given by the user instead of searching upwards from `cwd`. */
  readonly workspace?: string | undefined;
  /** The folder of `@cab/derivations`; null where none is installed. */
  readonly shipped: string | null;
}

export const CONFIG_FILE = "cab.config.ts";

export const isWorkspace = (folder: string): boolean =>
  existsSync(join(folder, CONFIG_FILE)) ||
  statSync(join(folder, "derivations"), { throwIfNoEntry: false })?.isDirectory() === true;

function nearestWorkspace(cwd: string): string | undefined {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (isWorkspace(folder)) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Without a workspace of the user's there is still the shipped one. Inside the cab checkout the two are one. */
export function findWorkspaces(options: WorkspaceOptions): Either<EvaluatorFailure, Workspaces> {
  const { cwd, workspace, shipped } = options;
  const found = workspace === undefined ? nearestWorkspace(cwd) : isWorkspace(workspace) ? workspace : undefined;
  const own: Workspace[] = [];
  if (found !== undefined) {
    const root = realpathSync(found);
    own.push({ id: "user", root, recipes: join(root, "derivations") });
  }
  const ours: Workspace[] = [];
  if (shipped !== null && existsSync(shipped)) {
    const root = realpathSync(shipped);
    ours.push({ id: "@cab/derivations", root, recipes: root });
  }
  const same = own[0] !== undefined && own[0].recipes === ours[0]?.root;
  const workspaces = [...(same ? [] : own), ...ours];
  if (workspaces.length === 0 || (workspace !== undefined && found === undefined)) {
    return left({ _tag: "NoWorkspace", from: workspace ?? cwd, explicit: workspace !== undefined });
  }
  return right(workspaces);
}

/** The path of `file` below `root`, with slashes; undefined if it lies elsewhere. */
export function pathBelow(root: string, file: string): string | undefined {
  const path = relative(root, file);
  return path === "" || path === ".." || path.startsWith(`..${sep}`) ? undefined : path.split(sep).join("/");
}

/** A file of a workspace, by the innermost workspace that holds it, so that each file has one identity. */
export interface WorkspaceFile {
  readonly workspace: Workspace;
  readonly path: string;
}

export function workspaceFile(workspaces: Workspaces, file: string): WorkspaceFile | undefined {
  let innermost: WorkspaceFile | undefined;
  for (const workspace of workspaces) {
    const path = pathBelow(workspace.root, file);
    if (path === undefined) continue;
    if (innermost === undefined || workspace.root.length > innermost.workspace.root.length) {
      innermost = { workspace, path };
    }
  }
  return innermost;
}

/** A file as messages name it. */
export const displayFile = ({ id }: Pick<Workspace, "id">, path: string): string =>
  id === "user" ? path : `${id}/${path}`;
