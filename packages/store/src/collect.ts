/**
 * Collects garbage: marks what roots reach, in memory, and deletes the rest, beside builds and other collectors. Knows the
 * order of the steps; what a root is, and what else is left over, stands in files of their own.
 *
 * An object goes in two steps, each under the database's write lock. First its rows: only if at that moment nobody keeps
 * it and no valid object refers to it, whatever was marked before. That commit is on disk before anything is touched, so
 * that a killed collector, or a full disk, leaves valid what is whole. Then its tree gets a temporary name, if it is still
 * not valid: somebody may have built it again meanwhile. The tree itself is removed outside of the lock.
 */
import { lstatSync, readdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { type ObjectInfo, STORE_DIR, type StorePath, storePathOf } from "@cab/core";
import type { Database, Writer } from "./database.ts";
import { storeFailure } from "./failure.ts";
import { fallingGenerations, type GenerationPolicy, generationsOf, removeGeneration } from "./generations.ts";
import { type Layout, objectFile } from "./layout.ts";
import { removeOldLogs, removeUnusedPoolFiles, removeUnusedRecords } from "./left-over.ts";
import { type ObjectGraph, readObjectGraph } from "./object-graph.ts";
import { forgetDead, type ProcessId } from "./process-socket.ts";
import { removeTree } from "./remove-tree.ts";
import { removeStaleLinks, rootLinks } from "./root-links.ts";
import { collectedFile, removeAbandoned } from "./scratch.ts";
import { syncDirectory } from "./sync.ts";
import { temporaryRoots } from "./temporary-roots.ts";

/** What has just been done; tests end the process behind each of them. */
export type CollectionStep = "marked" | "dropped" | "renamed" | "removed" | "swept";

export interface CollectOptions {
  /** Only says what would be deleted. */
  readonly dryRun: boolean;
  /** Which generations of roles to give up first; undefined: none. */
  readonly generations: GenerationPolicy | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Ends it between two batches. */
  readonly signal: AbortSignal;
  readonly onProgress: (deleted: number, of: number) => void;
}

export interface Collected {
  /** Links of generations that were given up. */
  readonly generations: readonly string[];
  readonly objects: readonly StorePath[];
  /** Sum of the objects' sizes. What several objects share counts for each of them. */
  readonly bytes: number;
  /** Bytes that the file system got back: what no object shares any more. */
  readonly freed: number;
}

export interface CollectContext {
  readonly layout: Layout;
  readonly database: Database;
  /** Announces this process. */
  readonly process: () => Promise<ProcessId>;
  readonly onStep: (step: CollectionStep) => void;
}

export async function collect(context: CollectContext, options: CollectOptions): Promise<Collected> {
  const { layout, database, onStep } = context;
  if (options.dryRun) return preview(context, options);
  await removeAbandoned(layout, (action) => database.write(action));
  const generations = database.write(() => {
    const falling = generationsToGo(layout, options.generations);
    for (const link of falling) removeGeneration(link);
    // Before anything that they keep goes: a generation that comes back with the power must not lead to nothing.
    for (const role of new Set(falling.map(dirname))) syncDirectory(role);
    removeStaleLinks(layout);
    return falling;
  });
  const graph = readObjectGraph(database.tables);
  const dead = unreached(context, graph, new Set());
  onStep("marked");
  const sweep = await createSweep(context);
  // First what no row speaks of: on a full disk it makes the room that deleting rows needs.
  await sweep.expel(unregistered(layout, graph));
  const deleted = await deleteObjects(context, options, { dead, sweep });
  if (options.signal.aborted) return { generations, ...deleted, freed: 0 };
  const freed = await removeUnusedPoolFiles(layout);
  const isDeriver = await removeUnusedRecords(database);
  await removeOldLogs(layout, options.now, isDeriver);
  onStep("swept");
  return { generations, ...deleted, freed };
}

/** What is kept now: by living processes, and by links. In this order, since who ends may leave a link behind. */
function rootsNow({ layout }: CollectContext, without: ReadonlySet<string>): Set<StorePath> {
  const roots = new Set<StorePath>();
  for (const paths of temporaryRoots(layout).values()) for (const path of paths) roots.add(path);
  for (const { link, path } of rootLinks(layout)) if (!without.has(link)) roots.add(path);
  return roots;
}

const unreached = (context: CollectContext, graph: ObjectGraph, without: ReadonlySet<string>): StorePath[] =>
  graph.referrersFirst(graph.reached(context.database.write(() => rootsNow(context, without))));

const generationsToGo = (layout: Layout, policy: GenerationPolicy | undefined): string[] =>
  policy === undefined ? [] : generationsOf(layout).flatMap((generations) => fallingGenerations(generations, policy));

async function preview(context: CollectContext, { generations: policy }: CollectOptions): Promise<Collected> {
  const { layout, database } = context;
  await forgetDead(layout);
  const generations = generationsToGo(layout, policy);
  const objects = unreached(context, readObjectGraph(database.tables), new Set(generations));
  let bytes = 0;
  for (const path of objects) bytes += database.object(path)?.size ?? 0;
  return { generations, objects, bytes, freed: 0 };
}

/** Names beside the objects that are an object's, though none is registered under them. */
function unregistered(layout: Layout, graph: ObjectGraph): StorePath[] {
  const registered = new Set(graph.names);
  return readdirSync(layout.store).flatMap((name) =>
    registered.has(name) ? [] : (storePathOf(`${STORE_DIR}/${name}`) ?? []),
  );
}

interface Sweep {
  /** Removes the trees of these objects, but for those that are valid. */
  readonly expel: (paths: readonly StorePath[]) => Promise<void>;
}

/** Renames under one hold of the lock: 10 ms. */
const RENAMES = 256;

/**
 * Temporary names are a living process's, so that others let them be; but what is to be removed anyway may be removed by
 * others too, if there is no room to announce this one.
 */
async function nameFor(announced: () => Promise<ProcessId>): Promise<ProcessId> {
  try {
    return await announced();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    return process.pid.toString(36).padStart(6, "0").slice(-6) as ProcessId;
  }
}

async function createSweep({ layout, database, process: announced, onStep }: CollectContext): Promise<Sweep> {
  const id = await nameFor(announced);
  let count = 0;
  const expelSome = (paths: readonly StorePath[]): string[] =>
    database.write(() => {
      const expelled: string[] = [];
      for (const path of paths) {
        const file = objectFile(layout, path);
        if (database.object(path) !== undefined || lstatSync(file, { throwIfNoEntry: false }) === undefined) continue;
        const aside = collectedFile(layout, id, ++count);
        renameSync(file, aside);
        expelled.push(aside);
      }
      return expelled;
    });
  return {
    expel: async (paths) => {
      for (let at = 0; at < paths.length; at += RENAMES) {
        const expelled = expelSome(paths.slice(at, at + RENAMES));
        onStep("renamed");
        for (const file of expelled) await removeTree(file);
        onStep("removed");
      }
    },
  };
}

/** Objects whose rows are deleted by one commit: 30 ms. */
const BATCH = 512;

interface Deletion {
  /** Each after all that refer to it. */
  readonly dead: readonly StorePath[];
  readonly sweep: Sweep;
}

async function deleteObjects(
  context: CollectContext,
  { signal, onProgress }: CollectOptions,
  { dead, sweep }: Deletion,
): Promise<Pick<Collected, "objects" | "bytes">> {
  const objects: StorePath[] = [];
  let bytes = 0;
  let batch = BATCH;
  for (let at = 0; at < dead.length && !signal.aborted; ) {
    let dropped: readonly ObjectInfo[];
    try {
      dropped = context.database.write((writer) => dropRows(context, writer, dead.slice(at, at + batch)));
    } catch (error) {
      // A commit writes every page that it changes anew. A small one may still fit, and what it frees makes room.
      if (batch === 1 || !isDiskFull(error)) throw error;
      batch = Math.max(1, batch >> 3);
      continue;
    }
    at += batch;
    context.onStep("dropped");
    await sweep.expel(dropped.map(({ path }) => path));
    for (const { path, size } of dropped) {
      objects.push(path);
      bytes += size;
    }
    onProgress(at, dead.length);
  }
  return { objects, bytes };
}

const isDiskFull = (error: unknown): boolean => {
  const failure = storeFailure(error, "collect garbage", "");
  return failure?._tag === "StoreIo" && (failure.code === "ENOSPC" || failure.code === "EDQUOT");
};

/** Deletes the rows of what may go now. */
function dropRows(context: CollectContext, writer: Writer, paths: readonly StorePath[]): ObjectInfo[] {
  const { database } = context;
  const roots = rootsNow(context, new Set());
  const dropped: ObjectInfo[] = [];
  for (const path of paths) {
    const info = roots.has(path) || database.hasReferrers(path) ? undefined : database.object(path);
    if (info === undefined) continue;
    writer.removeObject(info);
    dropped.push(info);
  }
  return dropped;
}
