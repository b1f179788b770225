/**
 * The lock files that concern a command: the workspace's own, which it may write, and those of what it uses. Knows nothing
 * of what is pinned, or why.
 */
import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { sortedKeys } from "@cab/core";
import { type EvaluatorOptions, findWorkspaces, pathBelow, type Workspace } from "@cab/evaluator";
import { lockFile, type Pins, pinText, readLocks, renderLock } from "@cab/evaluator/lock";
import { isLeft } from "fp-ts/lib/Either.js";
import { Ended } from "./ended.ts";
import { evaluatorEnded } from "./wiring.ts";

export interface LockFiles {
  readonly workspace: Workspace;
  /** Absolute path of the workspace's own. */
  readonly file: string;
  readonly own: Pins;
  /** Of the workspaces that this one uses; the own ones win. */
  readonly others: Pins;
}

export async function readLockFiles(options: Pick<EvaluatorOptions, "cwd" | "shipped">): Promise<LockFiles> {
  const found = findWorkspaces(options);
  const [workspace, ...rest] = isLeft(found) ? [] : found.right;
  if (workspace === undefined || !isOwn(workspace, options.cwd)) {
    throw new Ended("error: there is no workspace here, nor above: make a folder derivations/ with a recipe in it\n");
  }
  const pinsOf = async (workspaces: readonly Workspace[]): Promise<Pins> => {
    const pins = readLocks(workspaces, { readFile: (file) => (existsSync(file) ? readFileSync(file) : undefined) });
    if (isLeft(pins)) throw await evaluatorEnded(pins.left);
    return pins.right;
  };
  return { workspace, file: lockFile(workspace), own: await pinsOf([workspace]), others: await pinsOf(rest) };
}

/** The shipped recipes are somebody's own in cab's checkout only. */
const isOwn = ({ id, root }: Workspace, cwd: string): boolean =>
  id === "user" || dirname(root) === cwd || pathBelow(dirname(root), cwd) !== undefined;

/** Both pins at hand, whether they say the same. */
export const isPinnedAlike = (a: Pins[string] | undefined, b: Pins[string] | undefined): boolean =>
  a !== undefined && b !== undefined && pinText(a) === pinText(b);

/** What the lock file comes to hold with these pins more: none that another lock file has alike. */
export function withPins({ own, others }: LockFiles, pinned: ReadonlyMap<string, Pins[string]>): Pins {
  const after: Record<string, Pins[string]> = { ...own };
  for (const [key, pin] of pinned) {
    if (isPinnedAlike(others[key], pin)) delete after[key];
    else after[key] = pin;
  }
  return after;
}

/** Untouched if it says this already. */
export function writeLockFile({ file, own }: LockFiles, pins: Pins): void {
  if (renderLock(pins) !== renderLock(own)) writeWhole(file, renderLock(pins));
}

/** The file appears whole, or stays as it was; its mode is kept. */
export function writeWhole(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  const before = statSync(file, { throwIfNoEntry: false });
  writeFileSync(temporary, text);
  if (before !== undefined) chmodSync(temporary, before.mode);
  renameSync(temporary, file);
}

/** Entries that another lock file has alike, or that nothing uses. */
export function unusedPins({ own, others }: LockFiles, used: ReadonlySet<string>, architecture: string): string[] {
  const isElsewhere = (key: string): boolean => {
    const other = /^debian:[^/]+\/([^/]+)\/[^/]+$/.exec(key)?.[1];
    return other !== undefined && other !== "source" && other !== architecture;
  };
  return sortedKeys(own).filter(
    // What recipes fetch on other machines cannot be seen on this one.
    (key) => isPinnedAlike(own[key], others[key]) || !(used.has(key) || isElsewhere(key)),
  );
}
