/**
 * Where builds happen: `store/.tmp-<process>-<n>-<name>`, beside the objects and so in their file system. Knows how such
 * a place is made and removed, and which ones dead processes left; not what is built there.
 */
import { chmodSync, chownSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Scratch } from "@cab/core";
import { type Exclusive, removeVoidClaims } from "./claims.ts";
import type { Layout } from "./layout.ts";
import { forgetDead, isAlive, isProcessId, type ProcessId } from "./process-socket.ts";
import { removeTree } from "./remove-tree.ts";
import type { Owner } from "./settle.ts";

const PREFIX = ".tmp-";

/** A name for a moment's use, in the scratch's own directory: no builder sees it. */
export const spareFile = (scratch: Scratch): string => join(dirname(scratch.storeDir), "spare");

/** The `n`-th temporary name that belongs to the scratch and stands beside the objects. */
export const stagedFile = (scratch: Scratch, n: number): string => `${dirname(scratch.storeDir)}.${n}`;

/** The `n`-th temporary name for an object that the process collects. */
export const collectedFile = (layout: Layout, process: ProcessId, n: number): string =>
  join(layout.store, `${PREFIX}${process}-c${n}`);

export interface ScratchOptions {
  readonly layout: Layout;
  readonly process: ProcessId;
  /** Counts the process's scratches. */
  readonly number: number;
  readonly name: string;
  /** Whom builders run as, if not as this process. */
  readonly builder: Owner | null;
}

export async function makeScratch(options: ScratchOptions): Promise<Scratch> {
  const { layout, process, number, name } = options;
  const directory = join(layout.store, `${PREFIX}${process}-${number}-${name}`);
  const scratch = { storeDir: join(directory, "store"), buildDir: join(directory, "build") };
  mkdirSync(directory);
  try {
    fillScratch(scratch, options);
    return scratch;
  } catch (error) {
    await removeTree(directory);
    throw error;
  }
}

function fillScratch({ storeDir, buildDir }: Scratch, { builder }: ScratchOptions): void {
  const directory = dirname(storeDir);
  // Nobody else may enter: what a builder makes setuid must not be run by other users meanwhile.
  if (builder !== null) chownSync(directory, 0, builder.gid);
  chmodSync(directory, builder === null ? 0o700 : 0o710);
  for (const part of [storeDir, buildDir]) {
    mkdirSync(part);
    chmodSync(part, 0o755);
    if (builder !== null) chownSync(part, builder.uid, builder.gid);
  }
}

export const removeScratch = (scratch: Scratch): Promise<void> => removeTree(dirname(scratch.storeDir));

/** The process that a temporary name belongs to; undefined if it is none of ours. */
function ownerOf(name: string): ProcessId | undefined {
  const id = name.startsWith(PREFIX) ? name.slice(PREFIX.length, PREFIX.length + 6) : "";
  return isProcessId(id) && name[PREFIX.length + 6] === "-" ? id : undefined;
}

export const isTemporary = (name: string): boolean => ownerOf(name) !== undefined;

/** Removes what dead processes left in `store/`, `var/claims` and `var/processes`. */
export async function removeAbandoned(layout: Layout, exclusive: Exclusive): Promise<void> {
  const living = new Map<ProcessId, boolean>();
  const lives = async (id: ProcessId): Promise<boolean> => {
    const known = living.get(id);
    if (known !== undefined) return known;
    const alive = await isAlive(layout, id);
    living.set(id, alive);
    return alive;
  };
  for (const name of readdirSync(layout.store)) {
    const id = ownerOf(name);
    if (id !== undefined && !(await lives(id))) await removeTree(join(layout.store, name));
  }
  await removeVoidClaims(layout, exclusive, lives);
  await forgetDead(layout);
}
