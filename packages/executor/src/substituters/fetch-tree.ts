/**
 * Rebuilds an object's tree from a cache that nobody trusts: every message and file is checked against its digest, and
 * names, sizes and the number of entries are bounded. Knows nothing of the store, which checks the path once more.
 */
import { symlinkSync } from "node:fs";
import { type Directory, decodeDirectory, type ObjectInfo } from "@cab/core";
import {
  type FileSink,
  nameOfBytes,
  openFileSink,
  readableName,
  type TreeWriter,
  treeWriter,
} from "../tree/tree-writer.ts";
import type { BlobSource } from "./blobs.ts";
import { blobBytes, type Reject, wholeBlob } from "./read-blob.ts";

export interface FetchLimits {
  /** Directories may share subdirectories, so a small cache can describe an endless tree; a real one has fewer entries. */
  readonly entries: number;
}

export const DEFAULT_LIMITS: FetchLimits = { entries: 2_000_000 };

export interface TreeFetch {
  readonly source: BlobSource;
  readonly limits: FetchLimits;
  readonly info: ObjectInfo;
  /** Does not exist yet. */
  readonly file: string;
  readonly onBytes: (received: number, total: number | null) => void;
  readonly reject: Reject;
}

/** A message of a million entries is no directory of a package. */
const MAX_MESSAGE = 64 * 2 ** 20;
const MAX_TARGET = 4095;

export async function fetchTree(fetch: TreeFetch): Promise<void> {
  const { source, info, file, reject } = fetch;
  const received = meter(fetch);
  switch (info.kind) {
    case "dir":
      await fetchDirectory(fetch, received);
      break;
    case "symlink": {
      const target = await wholeBlob(source, { hash: info.digest, size: undefined, most: MAX_TARGET }, reject);
      if (target.length === 0 || target.includes(0)) reject("its link's target is empty or has a NUL byte");
      symlinkSync(Buffer.from(target), file);
      return;
    }
    case "file":
    case "exec": {
      const bytes = blobBytes(source, { hash: info.digest, size: info.size, most: info.size }, reject);
      await copy(bytes, openFileSink(file, info.kind === "exec"), received);
    }
  }
  if (received.total() !== info.size) reject(`its files have ${received.total()} bytes, its record says ${info.size}`);
}

interface Meter {
  readonly add: (bytes: number) => void;
  readonly total: () => number;
}

function meter({ info, onBytes, reject }: TreeFetch): Meter {
  let total = 0;
  return {
    add: (bytes) => {
      total += bytes;
      if (total > info.size) reject(`its files have more than the ${info.size} bytes that its record says`);
      onBytes(total, info.size);
    },
    total: () => total,
  };
}

async function fetchDirectory({ source, limits, info, file, reject }: TreeFetch, received: Meter): Promise<void> {
  const tree = treeWriter(file, (entry, reason) => reject(`${readableName(entry ?? "")}: ${reason}`));
  const messages = new Map<string, Directory>();
  const pending: { path: string; hash: string; size: number | undefined }[] = [
    { path: "", hash: info.digest, size: undefined },
  ];
  const fetchMessage = async ({ hash, size }: { hash: string; size: number | undefined }): Promise<Directory> => {
    const bytes = await wholeBlob(source, { hash, size, most: Math.min(size ?? MAX_MESSAGE, MAX_MESSAGE) }, reject);
    return decodeDirectory(bytes) ?? reject(`${hash} is no canonical Directory message`);
  };
  let entries = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, hash } = next;
    const directory = messages.get(hash) ?? (await fetchMessage(next));
    messages.set(hash, directory);
    entries += directory.files.length + directory.directories.length + directory.symlinks.length;
    if (entries > limits.entries) reject(`it has more than ${limits.entries} entries`);
    tree.directory(path);
    await writeEntries({ source, tree, path, reject, received }, directory);
    for (const { name, digest } of directory.directories) pending.push({ path: below(path, name), ...digest });
  }
}

interface Place {
  readonly source: BlobSource;
  readonly tree: TreeWriter;
  readonly path: string;
  readonly received: Meter;
  readonly reject: Reject;
}

async function writeEntries({ source, tree, path, received, reject }: Place, directory: Directory): Promise<void> {
  for (const { name, target } of directory.symlinks) tree.symlink(below(path, name), nameOfBytes(target));
  for (const { name, digest, executable } of directory.files) {
    const bytes = blobBytes(source, { ...digest, most: digest.size }, reject);
    await copy(bytes, tree.file(below(path, name), executable), received);
  }
}

const below = (path: string, name: Uint8Array): string =>
  path === "" ? nameOfBytes(name) : `${path}/${nameOfBytes(name)}`;

async function copy(bytes: AsyncIterable<Uint8Array>, file: FileSink, received: Meter): Promise<void> {
  try {
    for await (const chunk of bytes) {
      received.add(chunk.length);
      file.write(chunk);
    }
  } finally {
    file.close();
  }
}
