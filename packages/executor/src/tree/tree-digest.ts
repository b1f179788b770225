/**
 * The Merkle digest of a tree on disk, as core's Directory messages define it. Knows nothing of stores; whoever wants
 * the blobs is told of each.
 */
import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import {
  type Digest,
  type DirectoryNode,
  encodeDirectory,
  type FileNode,
  type ObjectKind,
  type SymlinkNode,
} from "@cab/core";
import { chunksOf, wholeFile } from "../archives/byte-range.ts";

export interface BlobVisitor {
  readonly file: (digest: Digest, file: Buffer) => Promise<void> | void;
  readonly directory: (digest: Digest, message: Uint8Array) => Promise<void> | void;
}

export interface TreeDigest extends Digest {
  readonly kind: ObjectKind;
}

const IGNORE: BlobVisitor = { file: () => {}, directory: () => {} };

const OWNER_EXECUTES = 0o100;

/** A link's digest is that of its target; of other kinds than files, directories and links there are none. */
export async function digestTree(file: Buffer, visit: BlobVisitor = IGNORE): Promise<TreeDigest | undefined> {
  const stat = lstatSync(file);
  if (stat.isSymbolicLink()) return { kind: "symlink", ...digestOf(readlinkSync(file, { encoding: "buffer" })) };
  if (stat.isDirectory()) return digestDirectory(file, visit);
  if (!stat.isFile()) return undefined;
  const digest = digestFile(file);
  await visit.file(digest, file);
  return { kind: (stat.mode & OWNER_EXECUTES) === 0 ? "file" : "exec", ...digest };
}

async function digestDirectory(directory: Buffer, visit: BlobVisitor): Promise<TreeDigest | undefined> {
  const files: FileNode[] = [];
  const directories: DirectoryNode[] = [];
  const symlinks: SymlinkNode[] = [];
  for (const name of readdirSync(directory, { encoding: "buffer" })) {
    const file = Buffer.concat([directory, Buffer.from("/"), name]);
    const node = await digestTree(file, visit);
    if (node === undefined) return undefined;
    const digest = { hash: node.hash, size: node.size };
    if (node.kind === "dir") directories.push({ name, digest });
    else if (node.kind === "symlink") symlinks.push({ name, target: readlinkSync(file, { encoding: "buffer" }) });
    else files.push({ name, digest, executable: node.kind === "exec" });
  }
  const message = encodeDirectory({ files, directories, symlinks });
  const digest = digestOf(message);
  await visit.directory(digest, message);
  return { kind: "dir", ...digest };
}

export const digestOf = (bytes: Uint8Array): Digest => ({
  hash: createHash("sha256").update(bytes).digest("hex"),
  size: bytes.length,
});

function digestFile(file: Buffer): Digest {
  const fd = openSync(file, "r");
  try {
    const hash = createHash("sha256");
    let size = 0;
    for (const chunk of chunksOf(wholeFile(fd))) {
      hash.update(chunk);
      size += chunk.length;
    }
    return { hash: hash.digest("hex"), size };
  } finally {
    closeSync(fd);
  }
}
