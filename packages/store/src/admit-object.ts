/**
 * Admits an object that was made elsewhere: its bytes are final, so its name is computed from them and must be the one
 * that was asked for. Knows no substituter; whoever called fills its name into a rejection.
 */
import { hashPart, namePart, type ObjectInfo, type Scratch, type SubstituterFailure, sortedPaths } from "@cab/core";
import { addTree } from "./add-tree.ts";
import { type AdmitContext, keepValid } from "./admit-outputs.ts";
import { Refused } from "./failure.ts";
import { finalDigest, nameTree } from "./naming.ts";
import { openPool } from "./pool.ts";
import { register } from "./register.ts";
import { removeTree } from "./remove-tree.ts";
import { createScanner } from "./scan.ts";
import { spareFile, stagedFile } from "./scratch.ts";
import { stageTree } from "./seal.ts";

export async function admitObject(
  context: AdmitContext,
  scratch: Scratch,
  file: string,
  promised: ObjectInfo,
): Promise<ObjectInfo> {
  const { layout, database, owner, buffer, onStep } = context;
  const { path } = promised;
  const reject = (reason: string): never => {
    throw new Refused<SubstituterFailure>({ _tag: "SubstituteRejected", substituter: "", path, reason });
  };
  if (keepValid(context, path)) return database.object(path) as ObjectInfo;
  for (const reference of promised.references) {
    if (database.object(reference) === undefined) reject(`it refers to ${reference}, which is not in the store`);
  }
  const spare = spareFile(scratch);
  const ownHash = hashPart(path);
  const scanner = createScanner({
    candidates: promised.references.map(hashPart),
    located: [ownHash],
    fragments: false,
  });
  const pool = openPool(layout, spare);
  const tree = await addTree({ root: file, scanner, pool, buffer, spare, rewriting: false, owner });
  onStep("added");
  const [fault] = tree.faults;
  if (fault !== undefined) reject(`${fault.file} is ${fault.found}`);
  const unused = promised.references.find((reference) => !tree.references.has(hashPart(reference)));
  if (unused !== undefined) reject(`its bytes do not refer to ${unused}`);
  const references = sortedPaths(promised.references);
  const { root } = tree;
  const named = await nameTree({ file, root, name: namePart(path), ownHash, others: new Map(), references }, buffer);
  const { digest, directories } = finalDigest(root);
  if (named.path !== path) reject(`its bytes give ${named.path}`);
  if (digest !== promised.digest) reject(`its digest is ${digest}, not ${promised.digest}`);
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
