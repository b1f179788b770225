/**
 * Proves an object by its bytes: reads its tree, changes nothing, and computes the path that it must have. Knows no
 * database; which objects its references may be, the caller says.
 */
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { hashPart, namePart, type ObjectInfo, type StorePath } from "@cab/core";
import { readLargeFile, readSmallFile } from "./file-bytes.ts";
import { finalDigest, nameTree } from "./naming.ts";
import { createScanner, type Found, type Scanner } from "./scan.ts";
import { fileAt, joinPath, type TreeNode } from "./tree.ts";

export interface Proof {
  readonly info: ObjectInfo;
  readonly directories: ReadonlyMap<string, Uint8Array>;
}

/** Undefined if the tree at `file` is not the object `path`. `candidates`: every object that it may refer to. */
export async function proveObject(
  file: string,
  path: StorePath,
  { candidates, buffer }: { readonly candidates: readonly StorePath[]; readonly buffer: Buffer },
): Promise<Proof | undefined> {
  const others = candidates.filter((candidate) => candidate !== path);
  const ownHash = hashPart(path);
  const scanner = createScanner({ candidates: others.map(hashPart), located: [ownHash], fragments: false });
  const tree = await readTree(file, scanner, buffer);
  if (tree === undefined) return undefined;
  const references = others.filter((other) => tree.references.has(hashPart(other)));
  const name = namePart(path);
  const named = await nameTree({ file, root: tree.root, name, ownHash, others: new Map(), references }, buffer);
  if (named.path !== path) return undefined;
  const { digest, directories } = finalDigest(tree.root);
  return { info: { ...named, digest, deriver: null }, directories };
}

interface ReadTree {
  readonly root: TreeNode;
  readonly references: ReadonlySet<string>;
}

/** Undefined if there is something in it that no object holds. */
async function readTree(root: string, scanner: Scanner, buffer: Buffer): Promise<ReadTree | undefined> {
  const references = new Set<string>();
  const found = (bytes: Buffer): Found => noted(scanner.scan(bytes));
  const noted = (each: Found): Found => {
    for (const hash of each.references) references.add(hash);
    return each;
  };

  const readFile = async (path: Buffer, size: number, executable: boolean): Promise<TreeNode> => {
    const descriptor = openSync(fileAt(root, path), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const read =
        readSmallFile(descriptor, size, buffer, scanner) ?? (await readLargeFile(descriptor, buffer, scanner));
      const { occurrences } = noted(read.found);
      return { _tag: "File", path, executable, size: read.size, digest: read.digest, linked: false, occurrences };
    } finally {
      closeSync(descriptor);
    }
  };

  const readEntry = async (path: Buffer): Promise<TreeNode | undefined> => {
    const file = fileAt(root, path);
    const stat = lstatSync(file);
    if (stat.isFile()) return readFile(path, stat.size, (stat.mode & 0o100) !== 0);
    if (stat.isSymbolicLink()) {
      const target = readlinkSync(file, { encoding: "buffer" });
      return { _tag: "Symlink", path, occurrences: found(target).occurrences, target };
    }
    if (!stat.isDirectory()) return undefined;
    const entries: { name: Buffer; node: TreeNode }[] = [];
    for (const name of readdirSync(file, { encoding: "buffer" })) {
      found(name);
      const node = await readEntry(joinPath(path, name));
      if (node === undefined) return undefined;
      entries.push({ name, node });
    }
    return { _tag: "Directory", path, entries };
  };

  const node = await readEntry(Buffer.alloc(0));
  return node === undefined ? undefined : { root: node, references };
}
