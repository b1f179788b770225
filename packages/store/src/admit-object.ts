/**
 * Admits an object that was made elsewhere: its bytes are final, so its name is computed from them and must be the one
 * that was asked for. Knows no substituter; whoever called fills its name into a rejection.
 */
import {
  hashPart,
  namePart,
  type ObjectInfo,
  type Scratch,
  type StorePath,
  type SubstituterFailure,
  sortedPaths,
} from "@cab/core";
import { type AddedTree, addTree } from "./add-tree.ts";
import { type AdmitContext, keepValid } from "./admit-outputs.ts";
import type { Database } from "./database.ts";
import { Refused } from "./failure.ts";
import { finalDigest, nameTree } from "./naming.ts";
import { openPool } from "./pool.ts";
import { register } from "./register.ts";
import { removeTree } from "./remove-tree.ts";
import { createScanner, type Scanner } from "./scan.ts";
import { spareFile, stagedFile } from "./scratch.ts";
import { stageTree } from "./seal.ts";
import { settleTree } from "./settle.ts";
import type { TreeFile } from "./tree.ts";

/** What an object made elsewhere is scanned for: the references that it promises, and its own hash. */
export const scannerFor = ({ path, references }: ObjectInfo): Scanner =>
  createScanner({ candidates: references.map(hashPart), located: [hashPart(path)], fragments: false });

export async function admitObject(
  context: AdmitContext,
  scratch: Scratch,
  file: string,
  promised: ObjectInfo,
): Promise<ObjectInfo> {
  const { layout, database, owner, buffer } = context;
  if (keepValid(context, promised.path)) return database.object(promised.path) as ObjectInfo;
  requireReferences(database, promised);
  const spare = spareFile(scratch);
  const pool = openPool(layout, spare);
  const tree = await addTree({ root: file, scanner: scannerFor(promised), buffer });
  const unpooled = await settleTree(file, tree.root, { pool, spare, owner, rewriting: false });
  return admitTree(context, scratch, { file, promised, tree: { ...tree, unpooled } });
}

/** A tree on disk whose files have their final modes. */
export interface SettledTree extends AddedTree {
  readonly unpooled: readonly TreeFile[];
}

export interface ReadTree {
  readonly file: string;
  readonly promised: ObjectInfo;
  readonly tree: SettledTree;
}

/** Admits an object whose tree was read, or written, by the caller in this process. */
export async function admitTree(
  context: AdmitContext,
  scratch: Scratch,
  { file, promised, tree }: ReadTree,
): Promise<ObjectInfo> {
  const { database, owner, buffer, onStep } = context;
  const { path } = promised;
  requireReferences(database, promised);
  onStep("added");
  const [fault] = tree.faults;
  if (fault !== undefined) reject(path, `${fault.file} is ${fault.found}`);
  const unused = promised.references.find((reference) => !tree.references.has(hashPart(reference)));
  if (unused !== undefined) reject(path, `its bytes do not refer to ${unused}`);
  const references = sortedPaths(promised.references);
  const { root } = tree;
  const naming = { file, root, name: namePart(path), ownHash: hashPart(path), others: new Map(), references };
  const named = await nameTree(naming, buffer);
  const { digest, directories } = finalDigest(root);
  if (named.path !== path) reject(path, `its bytes give ${named.path}`);
  if (digest !== promised.digest) reject(path, `its digest is ${digest}, not ${promised.digest}`);
  const info: ObjectInfo = { ...named, digest, deriver: null };
  const staged = stagedFile(scratch, 0);
  try {
    stageTree(file, staged, root, owner);
    onStep("staged");
    const unpooled = tree.unpooled.map((node) => ({ path: node.path, content: node }));
    await register(context, scratch, [{ info, staged, root, directories, unpooled }], null);
    return info;
  } finally {
    await removeTree(staged);
  }
}

function requireReferences(database: Database, { path, references }: ObjectInfo): void {
  for (const reference of references) {
    if (database.object(reference) === undefined) reject(path, `it refers to ${reference}, which is not in the store`);
  }
}

function reject(path: StorePath, reason: string): never {
  throw new Refused<SubstituterFailure>({ _tag: "SubstituteRejected", substituter: "", path, reason });
}
