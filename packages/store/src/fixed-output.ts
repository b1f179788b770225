/** What was promised of a fixed output: one plain file or one directory, no references, and its digest. Knows no disk but the file's. */
import { type BuildFailure, hashPart, type OutputSpec, type StorePath } from "@cab/core";
import type { AddedTree, TreeFault } from "./add-tree.ts";
import { Refused } from "./failure.ts";
import { digestWith } from "./file-bytes.ts";
import type { Named } from "./naming.ts";
import { rootKind } from "./tree.ts";

const KIND_NAMES = { dir: "a directory", file: "a file", exec: "an executable file", symlink: "a symlink" } as const;

/** What makes the tree unfit for its promise, whatever its digest; nothing for a content-addressed output. */
export function fixedOutputFaults(
  spec: OutputSpec | undefined,
  tree: AddedTree,
  inputs: readonly StorePath[],
): TreeFault[] {
  if (spec?._tag !== "FixedOutput") return [];
  const faults: TreeFault[] = [];
  const remedy = "bytes that were promised in advance cannot depend on the store: leave the path out";
  for (const input of inputs) {
    const file = tree.references.get(hashPart(input));
    if (file !== undefined) faults.push({ file, found: `a reference to ${input}`, remedy });
  }
  for (const [hash, file] of tree.located) faults.push({ file, found: `a reference to an output (${hash})`, remedy });
  const kind = rootKind(tree.root);
  const wanted = spec.mode === "flat" ? "file" : "dir";
  if (kind !== wanted) {
    const promised = spec.mode === "flat" ? "digest of one file that is not executable" : "digest of a directory";
    faults.push({ file: ".", found: KIND_NAMES[kind], remedy: `the promise is the ${promised}: make it that` });
  }
  return faults;
}

export interface PromisedTree {
  readonly spec: OutputSpec | undefined;
  readonly file: string;
  readonly named: Named;
  readonly name: string;
  readonly buffer: Buffer;
}

/** The naming digest is the plain one here, since a fixed output holds no located hash. */
export async function checkFixedDigest({ spec, file, named, name, buffer }: PromisedTree): Promise<void> {
  if (spec?._tag !== "FixedOutput") return;
  const { algo, digest: expected, mode } = spec;
  const read = mode === "flat" && algo !== "sha256";
  const actual = read ? await digestWith(file, algo, [], buffer) : named.namingDigest;
  if (actual === expected) return;
  throw new Refused<BuildFailure>({ _tag: "DigestMismatch", url: name, algo, expected, actual, bytes: named.size });
}
