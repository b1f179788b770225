/** Objects that are whole file trees in memory: what exports are made of in tests. No object here names itself. */
import { compareBytes, utf8 } from "../bytes.ts";
import type { Digest, Directory } from "../directory.ts";
import { encodeDirectory } from "../directory.ts";
import { type Export, type ExportItem, exportItems, ITEM, itemHead } from "../export/index.ts";
import { contentAddressedPath, type ObjectInfo } from "../object.ts";
import { sha256Hex } from "../sha256.ts";
import type { StorePath } from "../store-path.ts";

export type MemoryTree =
  | { readonly _tag: "File"; readonly bytes: Uint8Array; readonly executable: boolean }
  | { readonly _tag: "Link"; readonly target: Uint8Array }
  | { readonly _tag: "Folder"; readonly entries: readonly (readonly [Uint8Array, MemoryTree])[] };

export const fileOf = (text: string, executable = false): MemoryTree => ({
  _tag: "File",
  bytes: utf8(text),
  executable,
});
export const linkTo = (target: string): MemoryTree => ({ _tag: "Link", target: utf8(target) });
export const folderOf = (entries: Readonly<Record<string, MemoryTree>>): MemoryTree => ({
  _tag: "Folder",
  entries: Object.keys(entries).map((name) => [utf8(name), entries[name] as MemoryTree]),
});

/** The objects of one place, by path, and all that a writer asks of it. */
export interface TreeWorld {
  readonly add: (name: string, tree: MemoryTree, references?: readonly StorePath[]) => ObjectInfo;
  /** Takes a message as it is, for directories that no store has. */
  readonly addMessage: (directory: Directory) => Digest;
  readonly export: (of: Partial<Omit<Export, "directory">>) => Export;
  /** The stream's items, each with its head. */
  readonly items: (of: Export) => Uint8Array[];
}

export function treeWorld(): TreeWorld {
  const files = new Map<string, Uint8Array>();
  const links = new Map<StorePath, Uint8Array>();
  const directories = new Map<string, Directory>();

  const addBytes = (bytes: Uint8Array): Digest => {
    const hash = sha256Hex(bytes);
    files.set(hash, bytes);
    return { hash, size: bytes.length };
  };
  const addMessage = (directory: Directory): Digest => {
    const message = encodeDirectory(directory);
    const hash = sha256Hex(message);
    directories.set(hash, directory);
    return { hash, size: message.length };
  };
  const addFolder = (entries: readonly (readonly [Uint8Array, MemoryTree])[]): Digest => {
    const sorted = entries.toSorted(([a], [b]) => compareBytes(a, b));
    return addMessage({
      files: sorted.flatMap(([name, tree]) =>
        tree._tag === "File" ? [{ name, digest: addBytes(tree.bytes), executable: tree.executable }] : [],
      ),
      directories: sorted.flatMap(([name, tree]) =>
        tree._tag === "Folder" ? [{ name, digest: addFolder(tree.entries) }] : [],
      ),
      symlinks: sorted.flatMap(([name, tree]) => (tree._tag === "Link" ? [{ name, target: tree.target }] : [])),
    });
  };

  return {
    addMessage,
    add: (name, tree, references = []) => {
      const [kind, digest, size] = rootOf(tree, addBytes, addFolder);
      const path = contentAddressedPath({ kind, namingDigest: digest, references, selfReferences: [], name });
      if (tree._tag === "Link") links.set(path, tree.target);
      const sorted = [...references].sort((a, b) => compareBytes(utf8(a), utf8(b)));
      const named = { path, kind, digest, namingDigest: digest, selfDigest: null };
      return { ...named, size, references: sorted, deriver: null };
    },
    export: (of) => ({
      header: { roots: (of.objects ?? []).map(({ path }) => path), needs: [] },
      objects: [],
      derivations: new Map(),
      realisations: [],
      ...of,
      directory: (digest) => directories.get(digest) as Directory,
    }),
    items: (of) => joined(exportItems(of), files, links),
  };
}

function rootOf(
  tree: MemoryTree,
  addBytes: (bytes: Uint8Array) => Digest,
  addFolder: (entries: readonly (readonly [Uint8Array, MemoryTree])[]) => Digest,
): readonly [ObjectInfo["kind"], string, number] {
  switch (tree._tag) {
    case "File":
      return [tree.executable ? "exec" : "file", addBytes(tree.bytes).hash, tree.bytes.length];
    case "Link":
      return ["symlink", sha256Hex(tree.target), 0];
    case "Folder":
      return ["dir", addFolder(tree.entries).hash, sizeOf(tree)];
  }
}

const sizeOf = (tree: MemoryTree): number =>
  tree._tag === "Folder"
    ? tree.entries.reduce((sum, [, entry]) => sum + sizeOf(entry), 0)
    : tree._tag === "File"
      ? tree.bytes.length
      : 0;

/** One piece for the magic and for each item: the writer gives a head and a payload. */
function joined(
  items: Iterable<ExportItem>,
  files: ReadonlyMap<string, Uint8Array>,
  links: ReadonlyMap<StorePath, Uint8Array>,
): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let head: Uint8Array | undefined;
  for (const item of items) {
    if (item._tag === "Link") {
      const target = links.get(item.info.path) as Uint8Array;
      pieces.push(concatenated([itemHead(ITEM.link, target.length), target]));
      continue;
    }
    const bytes = item._tag === "File" ? (files.get(item.digest.hash) as Uint8Array) : item.bytes;
    if (pieces.length === 0) {
      pieces.push(bytes);
    } else if (head === undefined) {
      head = bytes;
    } else {
      pieces.push(concatenated([head, bytes]));
      head = undefined;
    }
  }
  return pieces;
}

export function concatenated(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
