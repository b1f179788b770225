/**
 * From a tree to its store path: the naming digest, with the object's own hash zeroed wherever it stands, and the list
 * of those places. Reads again only the files that hold located hashes; writes nothing.
 */
import {
  compareBytes,
  contentAddressedPath,
  type ObjectInfo,
  type SelfReference,
  type StorePath,
  selfReferenceDigest,
  sortedPaths,
  ZERO_HASH,
} from "@cab/core";
import { digestWith, type Patch } from "./file-bytes.ts";
import type { Occurrence } from "./scan.ts";
import {
  asRead,
  type Contents,
  fileAt,
  rootKind,
  type TreeFile,
  type TreeNode,
  treeDigest,
  walkNodes,
} from "./tree.ts";

/** What to write where a located hash stands. */
export type Replacements = ReadonlyMap<string, string>;

export const patchesFor = (occurrences: readonly Occurrence[], replacements: Replacements): Patch[] => {
  const patches: Patch[] = [];
  for (const { hash, offset } of occurrences) {
    const replacement = replacements.get(hash);
    if (replacement !== undefined) patches.push({ offset, bytes: Buffer.from(replacement, "latin1") });
  }
  return patches;
};

export function patchedTarget(target: Buffer, patches: readonly Patch[]): Buffer {
  const patched = Buffer.from(target);
  for (const { offset, bytes } of patches) bytes.copy(patched, offset);
  return patched;
}

/** The tree's contents as they would be with the replacements made. */
export async function contentsWith(
  file: string,
  root: TreeNode,
  replacements: Replacements,
  buffer: Buffer,
): Promise<Contents> {
  const digests = new Map<TreeFile, string>();
  for (const node of walkNodes(root)) {
    if (node._tag !== "File" || node.occurrences.length === 0) continue;
    const patches = patchesFor(node.occurrences, replacements);
    digests.set(node, await digestWith(fileAt(file, node.path), "sha256", patches, buffer));
  }
  return {
    fileDigest: (node) => digests.get(node) ?? node.digest,
    target: (node) => patchedTarget(node.target, patchesFor(node.occurrences, replacements)),
  };
}

/** Where the hash stands in the tree, by path and then offset. */
function selfReferences(root: TreeNode, hash: string): SelfReference[] {
  const found: SelfReference[] = [];
  for (const node of walkNodes(root)) {
    if (node._tag === "Directory") continue;
    for (const occurrence of node.occurrences) {
      if (occurrence.hash === hash) found.push({ path: node.path, offset: occurrence.offset });
    }
  }
  return found.sort((a, b) => compareBytes(a.path, b.path) || a.offset - b.offset);
}

export interface NamingInput {
  /** Where the tree lies. */
  readonly file: string;
  readonly root: TreeNode;
  readonly name: string;
  /** The hash that stands for the object itself in the bytes as they are. */
  readonly ownHash: string;
  /** Replacements for the other located hashes. */
  readonly others: Replacements;
  readonly references: Iterable<StorePath>;
}

/** All of an object that follows from its naming; `digest`, of the final bytes, does not. */
export type Named = Omit<ObjectInfo, "digest" | "deriver">;

export async function nameTree(input: NamingInput, buffer: Buffer): Promise<Named> {
  const { file, root, name, ownHash, others } = input;
  const zeroed = new Map([...others, [ownHash, ZERO_HASH]]);
  const namingDigest = treeDigest(root, await contentsWith(file, root, zeroed, buffer), () => {});
  const own = selfReferences(root, ownHash);
  const references = sortedPaths(input.references);
  const kind = rootKind(root);
  let size = 0;
  for (const node of walkNodes(root)) if (node._tag === "File") size += node.size;
  return {
    path: contentAddressedPath({ kind, namingDigest, references, selfReferences: own, name }),
    kind,
    namingDigest,
    selfDigest: own.length === 0 ? null : selfReferenceDigest(own),
    size,
    references,
  };
}

/** Digest and directory messages of a tree that is on disk as `contents` say. */
export function finalDigest(
  root: TreeNode,
  contents: Contents = asRead,
): { readonly digest: string; readonly directories: ReadonlyMap<string, Uint8Array> } {
  const directories = new Map<string, Uint8Array>();
  const digest = treeDigest(root, contents, (hash, message) => directories.set(hash, message));
  return { digest, directories };
}
