/**
 * Makes staged trees valid objects: synced, renamed, and written to the database in one transaction. Knows when a tree
 * may be called valid; not how its name was found.
 *
 * The renames happen under the database's write lock. Two derivations may yield one path, in two processes at once; so
 * whoever comes second finds the object valid, and nobody removes a tree that another is about to register.
 */
import { lstatSync, renameSync, rmSync } from "node:fs";
import type { Derivation, DrvHash, ObjectInfo, Realisation, Scratch, StorePath } from "@cab/core";
import { baseName } from "@cab/core";
import type { Database, Writer } from "./database.ts";
import { StoreException } from "./failure.ts";
import { type Layout, objectFile } from "./layout.ts";
import { enterPool, type PooledFile } from "./pool.ts";
import { removeTree } from "./remove-tree.ts";
import { spareFile, stagedFile } from "./scratch.ts";
import { syncAll, syncDirectory } from "./sync.ts";
import { fileAt, type TreeNode, walkNodes } from "./tree.ts";

/** What has just been done; tests end the process behind each of them. */
export type AdmissionStep = "added" | "rewritten" | "staged" | "synced" | "pooled" | "renamed" | "committed";

export interface RegisterContext {
  readonly layout: Layout;
  readonly database: Database;
  /** Whether a valid object is damaged, so that what is admitted takes its place. */
  readonly replaces: (path: StorePath) => boolean;
  /** Keeps objects from being collected; the caller holds the write lock. */
  readonly keep: (paths: readonly StorePath[]) => void;
  readonly onStep: (step: AdmissionStep) => void;
}

/** A complete tree under a temporary name beside the objects. */
export interface StagedObject {
  readonly info: ObjectInfo;
  readonly staged: string;
  readonly root: TreeNode;
  readonly directories: ReadonlyMap<string, Uint8Array>;
  /** Files that no equal one was found for. */
  readonly unpooled: readonly { readonly path: Buffer; readonly content: PooledFile }[];
}

/** What a build leaves in the database besides its objects. */
export interface BuildRecord {
  readonly drv: Derivation;
  readonly drvHash: DrvHash;
  readonly realisations: readonly Realisation[];
  readonly seconds: number;
}

/** `objects`: each behind those that it refers to. What turns out to be valid already is left where it was staged. */
export async function register(
  { layout, database, keep, replaces, onStep }: RegisterContext,
  scratch: Scratch,
  objects: readonly StagedObject[],
  build: BuildRecord | null,
): Promise<void> {
  await syncAll(entriesOf(objects), { directory: layout.store });
  onStep("synced");
  const pooled: string[] = [];
  const renamed: StagedObject[] = [];
  const replaced: string[] = [];
  const rename = (object: StagedObject): void => {
    const file = objectFile(layout, object.info.path);
    // Damaged, or left by a process that ended between its rename and its commit. Moved aside, since removing may take long.
    if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) {
      const aside = stagedFile(scratch, objects.length + replaced.length);
      renameSync(file, aside);
      replaced.push(aside);
    }
    renameSync(object.staged, file);
    renamed.push(object);
    onStep("renamed");
  };
  try {
    for (const { staged, unpooled } of objects) {
      for (const { path, content } of unpooled) {
        const entered = enterPool(layout, spareFile(scratch), { file: fileAt(staged, path), content });
        if (entered !== undefined) pooled.push(entered);
      }
    }
    onStep("pooled");
    database.write((writer) => {
      keep(objects.map(({ info }) => info.path));
      const fresh = objects.filter(({ info }) => database.object(info.path) === undefined || replaces(info.path));
      for (const object of fresh) {
        requireReferences(database, object.info);
        rename(object);
        const deriver = object.info.deriver ?? database.object(object.info.path)?.deriver ?? null;
        writeObject(writer, { ...object, info: { ...object.info, deriver } });
      }
      if (fresh.length > 0) syncDirectory(layout.store);
      if (build !== null) writeBuild(writer, build);
    });
    onStep("committed");
  } catch (error) {
    await withdraw({ layout, database }, { renamed, pooled });
    throw error;
  } finally {
    for (const file of replaced) await removeTree(file);
  }
}

/**
 * What was not registered, on a full disk above all, must not take room there until the next collection: trees go back to
 * their temporary names and are removed, and their files leave the pool: who shares one meanwhile keeps its link.
 */
async function withdraw(
  { layout, database }: Pick<RegisterContext, "layout" | "database">,
  { renamed, pooled }: { readonly renamed: readonly StagedObject[]; readonly pooled: readonly string[] },
): Promise<void> {
  database.write(() => {
    for (const { info, staged } of renamed) {
      // What is valid by now stays: in the place of a damaged one, or another's. And another may have withdrawn it before.
      const file = objectFile(layout, info.path);
      const isLeft =
        database.object(info.path) === undefined && lstatSync(file, { throwIfNoEntry: false }) !== undefined;
      if (isLeft) renameSync(file, staged);
    }
  });
  for (const { staged } of renamed) await removeTree(staged);
  for (const file of pooled) rmSync(file, { force: true });
}

function entriesOf(objects: readonly StagedObject[]): Buffer[] {
  const files: Buffer[] = [];
  for (const { staged, root } of objects) {
    for (const node of walkNodes(root)) if (node._tag !== "Symlink") files.push(fileAt(staged, node.path));
  }
  return files;
}

/** A valid object refers to valid objects only; what was checked before the build may have been damaged since. */
function requireReferences(database: Database, info: ObjectInfo): void {
  for (const reference of info.references) {
    if (database.object(reference) !== undefined) continue;
    throw new StoreException({ _tag: "StoreDamaged", table: "objects", key: baseName(reference) });
  }
}

function writeObject(writer: Writer, { info, directories }: StagedObject): void {
  writer.object(info);
  for (const [digest, message] of directories) writer.directory(digest, message);
}

function writeBuild(writer: Writer, { drv, drvHash, realisations, seconds }: BuildRecord): void {
  writer.derivation(drvHash, drv);
  for (const realisation of realisations) writer.realisation(realisation);
  writer.buildSeconds(drv.name, seconds);
}
