/**
 * A file tree in memory: what was found on disk, without the files' bytes, and its Merkle digest. Knows the types and
 * the digests of entries; never touches a disk.
 */
import { type Directory, encodeDirectory, type ObjectKind, printable } from "@cab/core";
import { sha256Of } from "./bulk-hash.ts";
import type { Occurrence } from "./scan.ts";

interface Entry {
  /** Raw bytes, relative to the tree's root; empty for the root itself. */
  readonly path: Buffer;
  /** Located hashes in the file's bytes, or in the symlink's target. */
  readonly occurrences: readonly Occurrence[];
}

export interface TreeFile extends Entry {
  readonly _tag: "File";
  readonly executable: boolean;
  readonly size: number;
  /** Hexadecimal SHA-256 of the bytes as they were read. */
  readonly digest: string;
  /** Whether the file has other names, perhaps outside of the tree. */
  readonly linked: boolean;
}
export interface TreeSymlink extends Entry {
  readonly _tag: "Symlink";
  readonly target: Buffer;
}
export interface TreeDirectory {
  readonly _tag: "Directory";
  readonly path: Buffer;
  readonly entries: readonly { readonly name: Buffer; readonly node: TreeNode }[];
}
export type TreeNode = TreeFile | TreeSymlink | TreeDirectory;

const SLASH = Buffer.from("/");

export const joinPath = (parent: Buffer, name: Buffer): Buffer =>
  parent.length === 0 ? name : Buffer.concat([parent, SLASH, name]);

/** Where an entry lies on disk, the tree's root being at `root`. */
export const fileAt = (root: string, path: Buffer): Buffer =>
  path.length === 0 ? Buffer.from(root) : Buffer.concat([Buffer.from(root), SLASH, path]);

/** A path in the tree as a person reads it: `.` for the root. */
export const pathText = (path: Buffer): string => (path.length === 0 ? "." : printable(path));

export function rootKind(node: TreeNode): ObjectKind {
  if (node._tag === "Directory") return "dir";
  if (node._tag === "Symlink") return "symlink";
  return node.executable ? "exec" : "file";
}

/** Every entry, a directory before what is in it. */
export function* walkNodes(node: TreeNode): Generator<TreeNode> {
  yield node;
  if (node._tag === "Directory") for (const entry of node.entries) yield* walkNodes(entry.node);
}

/** What entries are taken to hold instead of what was read. */
export interface Contents {
  readonly fileDigest: (file: TreeFile) => string;
  readonly target: (symlink: TreeSymlink) => Buffer;
}

export const asRead: Contents = { fileDigest: (file) => file.digest, target: (symlink) => symlink.target };

/** Hexadecimal digest of the tree; `onDirectory` gets the message of every directory. */
export function treeDigest(
  node: TreeNode,
  contents: Contents,
  onDirectory: (digest: string, message: Uint8Array) => void,
): string {
  if (node._tag === "File") return contents.fileDigest(node);
  if (node._tag === "Symlink") return sha256Of(contents.target(node));
  return directoryDigest(node, contents, onDirectory).hash;
}

function directoryDigest(
  directory: TreeDirectory,
  contents: Contents,
  onDirectory: (digest: string, message: Uint8Array) => void,
): { hash: string; size: number } {
  const files: Directory["files"][number][] = [];
  const directories: Directory["directories"][number][] = [];
  const symlinks: Directory["symlinks"][number][] = [];
  for (const { name, node } of directory.entries) {
    if (node._tag === "File") {
      const digest = { hash: contents.fileDigest(node), size: node.size };
      files.push({ name, digest, executable: node.executable });
    } else if (node._tag === "Symlink") {
      symlinks.push({ name, target: contents.target(node) });
    } else {
      directories.push({ name, digest: directoryDigest(node, contents, onDirectory) });
    }
  }
  const message = encodeDirectory({ files, directories, symlinks });
  const digest = sha256Of(message);
  onDirectory(digest, message);
  return { hash: digest, size: message.length };
}
