/** Which entries differ between two objects' trees, by their Directory messages alone: no file is read. */
import { compareBytes, toHex } from "../bytes.ts";
import type { Directory } from "../directory.ts";
import { entryPath } from "../export/index.ts";
import type { ObjectInfo } from "../object.ts";

export type TreeEntry =
  | { readonly kind: "file"; readonly digest: string; readonly size: number; readonly executable: boolean }
  | { readonly kind: "symlink"; readonly target: Uint8Array }
  | { readonly kind: "directory" };

export interface EntryChange {
  /** Below the objects' roots, raw; empty for the roots themselves. */
  readonly path: Uint8Array;
  readonly before: TreeEntry | null;
  readonly after: TreeEntry | null;
}

export type DirectoryOf = (digest: string) => Directory;

const ROOT = new Uint8Array();

/**
 * In the order of names' bytes, each directory before what is in it; a directory that both have is no change by itself.
 * Subtrees of one digest are passed over.
 */
export function diffTrees(before: ObjectInfo, after: ObjectInfo, directory: DirectoryOf): EntryChange[] {
  const changes: EntryChange[] = [];
  const pending: Pair[] = [{ path: ROOT, before: rootNode(before), after: rootNode(after) }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, before: one, after: other } = next;
    if (one !== null && other !== null && one.identity === other.identity) continue;
    const both = one?.entry.kind === "directory" && other?.entry.kind === "directory";
    if (!both) changes.push({ path, before: one?.entry ?? null, after: other?.entry ?? null });
    const left = children(one, directory);
    const right = children(other, directory);
    const names = new Map([...left, ...right].map(([key, { name }]) => [key, name]));
    const sorted = [...names].sort(([, a], [, b]) => compareBytes(b, a));
    for (const [key, name] of sorted) {
      pending.push({ path: entryPath(path, name), before: left.get(key) ?? null, after: right.get(key) ?? null });
    }
  }
  return changes;
}

interface Node {
  readonly name: Uint8Array;
  readonly entry: TreeEntry;
  /** Equal for equal trees. */
  readonly identity: string;
  /** Of a directory. */
  readonly message: string | null;
}

interface Pair {
  readonly path: Uint8Array;
  readonly before: Node | null;
  readonly after: Node | null;
}

function rootNode({ kind, digest, size }: ObjectInfo): Node {
  const name = ROOT;
  const identity = `${kind}:${digest}`;
  switch (kind) {
    case "dir":
      return { name, entry: { kind: "directory" }, identity, message: digest };
    case "symlink":
      // The record has the target's digest only; that the targets differ is all that a change says.
      return { name, entry: { kind: "symlink", target: ROOT }, identity, message: null };
    case "file":
    case "exec":
      return { name, entry: { kind: "file", digest, size, executable: kind === "exec" }, identity, message: null };
  }
}

function children(node: Node | null, directory: DirectoryOf): Map<string, Node> {
  const nodes = new Map<string, Node>();
  if (node === null || node.message === null) return nodes;
  const { files, directories, symlinks } = directory(node.message);
  for (const { name, digest, executable } of files) {
    const kind = executable ? "exec" : "file";
    const entry: TreeEntry = { kind: "file", digest: digest.hash, size: digest.size, executable };
    nodes.set(toHex(name), { name, entry, identity: `${kind}:${digest.hash}`, message: null });
  }
  for (const { name, digest } of directories) {
    nodes.set(toHex(name), {
      name,
      entry: { kind: "directory" },
      identity: `dir:${digest.hash}`,
      message: digest.hash,
    });
  }
  for (const { name, target } of symlinks) {
    nodes.set(toHex(name), {
      name,
      entry: { kind: "symlink", target },
      identity: `symlink:${toHex(target)}`,
      message: null,
    });
  }
  return nodes;
}
