/**
 * One object's tree as it comes from a stream: written, scanned and shared in the same pass, so that nothing is read
 * again. Its names, sizes and digests were checked by whoever says what comes; knows nothing of that.
 *
 * Every parent is a directory that this made, in a place that nobody else may enter, so nothing can lead out of it.
 */
import { chmodSync, closeSync, constants, copyFileSync, mkdirSync, openSync, symlinkSync } from "node:fs";
import { type Digest, type Directory, type ExportEvent, entryPath, type FilePlace, type ObjectInfo } from "@cab/core";
import { collectFindings, readFile } from "./add-tree.ts";
import { type SettledTree, scannerFor } from "./admit-object.ts";
import type { AdmitContext } from "./admit-outputs.ts";
import { writeAll } from "./file-bytes.ts";
import { objectFile } from "./layout.ts";
import { openPool } from "./pool.ts";
import { normaliseFile, normaliseSymlink } from "./settle.ts";
import { fileAt, type TreeDirectory, type TreeFile, type TreeNode } from "./tree.ts";

export type TreeEvent = Extract<
  ExportEvent,
  { readonly _tag: "Directory" | "Link" | "File" | "FileDone" | "SameFile" }
>;

export interface IncomingTree {
  readonly file: string;
  readonly on: (event: TreeEvent) => Promise<void>;
  /** Bytes of the file that has begun. */
  readonly write: (bytes: Uint8Array) => void;
  /** The whole tree. */
  readonly finish: () => SettledTree;
  /** Gives back what is open, wherever the tree ended. */
  readonly close: () => void;
}

interface IncomingOptions {
  readonly info: ObjectInfo;
  /** Does not exist yet. */
  readonly file: string;
  /** An unused name in the same file system, for a moment's use. */
  readonly spare: string;
}

interface OpenFile {
  readonly path: Buffer;
  readonly executable: boolean;
  readonly digest: Digest;
  readonly descriptor: number;
}

type Entry = TreeDirectory["entries"][number];

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export function incomingTree(
  { layout, owner, buffer }: AdmitContext,
  { info, file, spare }: IncomingOptions,
): IncomingTree {
  const scanner = scannerFor(info);
  const pool = openPool(layout, spare);
  const findings = collectFindings(scanner);
  const unpooled: TreeFile[] = [];
  /** Entries of each directory, by its path as Latin-1. */
  const folders = new Map<string, Entry[]>();
  let root: TreeNode | undefined;
  let open: OpenFile | undefined;

  const place = (node: TreeNode): void => {
    const { path } = node;
    if (path.length === 0) {
      root = node;
      return;
    }
    const slash = path.lastIndexOf("/");
    const parent = path.toString("latin1", 0, Math.max(0, slash));
    folders.get(parent)?.push({ name: path.subarray(slash + 1), node });
  };

  const addSymlink = (path: Buffer, target: Buffer): void => {
    const entry = fileAt(file, path);
    symlinkSync(target, entry);
    normaliseSymlink(entry, owner);
    const { occurrences } = findings.scanBytes(path, target);
    place({ _tag: "Symlink", path, occurrences, target });
  };

  const addDirectory = (path: Buffer, { files, directories, symlinks }: Directory): void => {
    mkdirSync(fileAt(file, path), 0o755);
    const entries: Entry[] = [];
    folders.set(path.toString("latin1"), entries);
    place({ _tag: "Directory", path, entries });
    for (const nodes of [files, directories, symlinks]) {
      for (const { name } of nodes) findings.addName(Buffer.from(entryPath(path, name)), Buffer.from(name));
    }
    for (const { name, target } of symlinks) addSymlink(Buffer.from(entryPath(path, name)), Buffer.from(target));
  };

  const addFile = (node: TreeFile): void => {
    const entry = fileAt(file, node.path);
    place(node);
    if (pool.share(entry, node)) return;
    normaliseFile(entry, node.executable, owner);
    unpooled.push(node);
  };

  const close = (): void => {
    if (open !== undefined) closeSync(open.descriptor);
    open = undefined;
  };

  const endFile = ({ path, executable, digest: { hash, size } }: OpenFile): void => {
    close();
    const found = scanner.finish();
    findings.note(path, found);
    addFile({ _tag: "File", path, executable, size, digest: hash, linked: false, occurrences: found.occurrences });
  };

  const source = ({ object, folder, name }: FilePlace): Buffer =>
    fileAt(object === info.path ? file : objectFile(layout, object), Buffer.from(entryPath(folder, name)));

  /** A copy, to be replaced by a link where it can be; read, since it was not scanned for this object's references. */
  const addCopy = async (path: Buffer, as: FilePlace, executable: boolean): Promise<void> => {
    const entry = fileAt(file, path);
    copyFileSync(source(as), entry, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    chmodSync(entry, 0o600);
    const { digest, size, found } = await readFile(entry, { size: as.size, buffer, scanner });
    findings.note(path, found);
    addFile({ _tag: "File", path, executable, size, digest, linked: false, occurrences: found.occurrences });
  };

  return {
    file,
    close,
    write: (bytes) => {
      const { descriptor } = open as OpenFile;
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      scanner.update(chunk);
      writeAll(descriptor, chunk);
    },
    on: async (event) => {
      switch (event._tag) {
        case "Directory":
          return addDirectory(Buffer.from(event.path), event.directory);
        case "Link":
          return addSymlink(Buffer.alloc(0), Buffer.from(event.target));
        case "File": {
          const path = Buffer.from(event.path);
          const { executable, digest } = event;
          open = { path, executable, digest, descriptor: openSync(fileAt(file, path), NEW_FILE, 0o600) };
          return;
        }
        case "FileDone":
          return endFile(open as OpenFile);
        case "SameFile":
          return addCopy(Buffer.from(event.path), event.as, event.executable);
      }
    },
    finish: () => {
      if (root === undefined) throw new Error(`BUG: nothing came of ${info.path}`);
      const { references, located, faults } = findings;
      return { root, references, located, faults, unpooled };
    },
  };
}
