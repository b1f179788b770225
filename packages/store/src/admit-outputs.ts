/**
 * From what a builder left to valid objects: all outputs of one derivation, or none. Knows the order of the steps and
 * what an output may be; each step is a file of its own.
 */
import { lstatSync } from "node:fs";
import {
  type Admission,
  type BuildFailure,
  baseName,
  hashPart,
  type OutputFault,
  outputName,
  outputNames,
  realisationsOf,
  type SecretSearch,
  type StorePath,
  scratchFile,
  scratchPath,
} from "@cab/core";
import { type AddedTree, addTree } from "./add-tree.ts";
import { Refused } from "./failure.ts";
import { checkFixedDigest, fixedOutputFaults } from "./fixed-output.ts";
import { contentsWith, finalDigest, nameTree } from "./naming.ts";
import { orderOutputs } from "./output-order.ts";
import { openPool, type Pool } from "./pool.ts";
import { type RegisterContext, register, type StagedObject } from "./register.ts";
import { removeTree } from "./remove-tree.ts";
import { rewriteTree } from "./rewrite.ts";
import { createScanner, searching } from "./scan.ts";
import { spareFile, stagedFile } from "./scratch.ts";
import { stageTree } from "./seal.ts";
import { type Owner, settleTree } from "./settle.ts";

export interface AdmitContext extends RegisterContext {
  readonly owner: Owner | null;
  /** See `readBuffer`. */
  readonly buffer: Buffer;
  /** Undefined where this host has no secrets. */
  readonly secretSearch: () => SecretSearch | undefined;
}

/** Whether the object is valid; then nobody collects it before what refers to it is admitted too. */
export const keepValid = ({ database, keep, replaces }: RegisterContext, path: StorePath): boolean =>
  database.write(() => {
    const valid = database.object(path) !== undefined && !replaces(path);
    if (valid) keep([path]);
    return valid;
  });

/** One output on its way; `ownHash` is its scratch path's. */
interface Output {
  readonly output: string;
  readonly file: string;
  readonly name: string;
  readonly ownHash: string;
  readonly tree: AddedTree;
}

export async function admitOutputs(
  context: AdmitContext,
  admission: Admission,
): Promise<Readonly<Record<string, StorePath>>> {
  const { scratch, drv, drvHash, derivers, seconds } = admission;
  const outputs = await addOutputs(context, admission);
  context.onStep("added");
  requireSound(admission, outputs);
  const spare = spareFile(scratch);
  const pool = openPool(context.layout, spare);
  const paths: Record<string, StorePath> = {};
  const finals = new Map<string, string>();
  const finished: Finished[] = [];
  for (const output of inOrder(outputs)) {
    const path = await finishOutput(context, admission, { output, finals, paths, pool, spare, finished });
    paths[output.output] = path;
  }
  const staged = finished.map(({ object }) => object);
  try {
    // None before all are finished: the pool remembers where their files lie.
    for (const { file, object } of finished) stageTree(file, object.staged, object.root, context.owner);
    context.onStep("staged");
    const realisations = [drvHash, ...derivers].flatMap((hash) => realisationsOf(drv, hash, paths));
    await register(context, scratch, staged, { drv, drvHash, realisations, seconds });
    return paths;
  } finally {
    for (const { staged: file } of staged) await removeTree(file);
  }
}

async function addOutputs(
  { buffer, secretSearch }: AdmitContext,
  { scratch, drv, inputs }: Admission,
): Promise<Output[]> {
  const expected = outputNames(drv).map((output) => {
    const path = scratchPath(drv.name, output);
    const file = scratchFile(scratch, baseName(path));
    return { output, file, name: outputName(drv.name, output), ownHash: hashPart(path) };
  });
  const missing = expected.filter(({ file }) => lstatSync(file, { throwIfNoEntry: false }) === undefined);
  if (missing.length > 0) {
    throw new Refused<BuildFailure>({ _tag: "OutputMissing", outputs: missing.map(({ output }) => output) });
  }
  const located = expected.map(({ ownHash }) => ownHash);
  const plain = createScanner({ candidates: inputs.map(hashPart), located, fragments: true });
  const search = secretSearch();
  const scanner = search === undefined ? plain : searching(plain, search);
  const outputs: Output[] = [];
  for (const one of expected) outputs.push({ ...one, tree: await addTree({ root: one.file, scanner, buffer }) });
  return outputs;
}

/** Refuses with everything that is wrong in any output. */
function requireSound({ drv, inputs }: Admission, outputs: readonly Output[]): void {
  const faults: OutputFault[] = [];
  for (const { output, tree } of outputs) {
    const wrong = [...tree.faults, ...fixedOutputFaults(drv.outputs[output], tree, inputs)];
    for (const fault of wrong) faults.push({ output, ...fault });
  }
  if (faults.length > 0) throw new Refused<BuildFailure>({ _tag: "BadOutput", faults });
}

const refersTo = ({ tree }: Output, hash: string): boolean => tree.located.has(hash);

function inOrder(outputs: readonly Output[]): Output[] {
  const byName = new Map(outputs.map((output) => [output.output, output]));
  const references = new Map<string, Set<string>>();
  for (const output of outputs) {
    const others = outputs.filter((other) => other !== output && refersTo(output, other.ownHash));
    references.set(output.output, new Set(others.map((other) => other.output)));
  }
  const order = orderOutputs(references);
  if (order._tag === "Left") throw new Refused<BuildFailure>({ _tag: "OutputCycle", cycle: order.left });
  return order.right.map((name) => byName.get(name) as Output);
}

/** An output in its final form, and where it still lies. */
interface Finished {
  readonly file: string;
  readonly object: StagedObject;
}

interface Progress {
  readonly output: Output;
  /** Scratch hash → final hash of the outputs that have their names. */
  readonly finals: Map<string, string>;
  readonly paths: Readonly<Record<string, StorePath>>;
  readonly pool: Pool;
  readonly spare: string;
  readonly finished: Finished[];
}

/** Names one output and writes its final bytes, unless the store has that object already. */
async function finishOutput(
  context: AdmitContext,
  { scratch, drv, drvHash, inputs }: Admission,
  { output, finals, paths, pool, spare, finished }: Progress,
): Promise<StorePath> {
  const { owner, buffer, onStep } = context;
  const { file, name, ownHash, tree } = output;
  const { root } = tree;
  const references = inputs.filter((input) => tree.references.has(hashPart(input)));
  for (const other of Object.keys(paths)) {
    if (refersTo(output, hashPart(scratchPath(drv.name, other)))) references.push(paths[other] as StorePath);
  }
  const named = await nameTree({ file, root, name, ownHash, others: finals, references }, buffer);
  await checkFixedDigest({ spec: drv.outputs[output.output], file, named, name, buffer });
  finals.set(ownHash, hashPart(named.path));
  if (keepValid(context, named.path)) return named.path;
  const unpooled = await settleTree(file, root, { pool, spare, owner, rewriting: true });
  rewriteTree(file, root, finals, owner);
  onStep("rewritten");
  const contents = await contentsWith(file, root, finals, buffer);
  const { digest, directories } = finalDigest(root, contents);
  const object: StagedObject = {
    info: { ...named, digest, deriver: drvHash },
    staged: stagedFile(scratch, finished.length),
    root,
    directories,
    unpooled: unpooled.map((node) => ({
      path: node.path,
      content: { digest: contents.fileDigest(node), executable: node.executable, size: node.size },
    })),
  };
  finished.push({ file, object });
  return named.path;
}
