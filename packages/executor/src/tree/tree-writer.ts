/**
 * Writes a tree from names that nobody has checked. Nothing is ever written outside the root or through a symbolic
 * link: every parent must be a directory that this writer made, which it knows from its own book, not from the disk.
 * Knows nothing of archives.
 *
 * Names are byte strings: one character for each byte, so that a name that is not UTF-8 survives.
 */
import { closeSync, constants, linkSync, mkdirSync, openSync, rmSync, symlinkSync, writeSync } from "node:fs";

export type EntryKind = "directory" | "file" | "symlink";

/** Refuses one entry; never returns. */
export type Refuse = (entry: string | null, reason: string) => never;

export interface TreeWriter {
  readonly kind: (path: string) => EntryKind | undefined;
  /** Makes the directory and those above it; one that is there already is merged with. */
  readonly directory: (path: string) => void;
  /** Opens a new file; an older file or link of this name gives way to it. */
  readonly file: (path: string, executable: boolean) => FileSink;
  readonly symlink: (path: string, target: string) => void;
  /** A further name for a file that this writer wrote. */
  readonly hardLink: (path: string, existing: string) => void;
  /** Takes the place of `path`, and says where on disk the caller may put a file or link. */
  readonly place: (path: string, kind: "file" | "symlink") => Buffer;
}

export interface FileSink {
  readonly write: (chunk: Uint8Array) => void;
  readonly close: () => void;
}

const MAX_NAME = 255;
const MAX_PATH = 3000;
const MAX_TARGET = 4095;

export const bytesOfName = (name: string): Buffer => Buffer.from(name, "latin1");
export const nameOfBytes = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** A byte string as a person reads it. */
export const readableName = (name: string): string => bytesOfName(name).toString("utf8");

/** Splits a name into components without empty ones and `.`; undefined for one that leads out, or cannot be. */
export function components(name: string): string[] | undefined {
  if (name.startsWith("/") || name.includes("\0") || name.length > MAX_PATH) return undefined;
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  return parts.some((part) => part === ".." || part.length > MAX_NAME) ? undefined : parts;
}

/** `root` does not exist yet; it becomes a directory with the first entry, or with `directory("")`. */
export function treeWriter(root: string, refuse: Refuse): TreeWriter {
  const made = new Map<string, EntryKind>();
  const rootBytes = Buffer.from(`${root}/`);
  const onDisk = (path: string): Buffer => Buffer.concat([rootBytes, bytesOfName(path)]);

  const directory = (path: string): void => {
    const known = made.get(path);
    if (known === "directory") return;
    if (known !== undefined) refuse(path, `it is a directory here, and a ${known} stands under this name already`);
    if (path !== "") directory(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    mkdirSync(path === "" ? root : onDisk(path), 0o755);
    made.set(path, "directory");
  };

  const place = (path: string, kind: "file" | "symlink"): Buffer => {
    if (path === "") refuse(path, `it is a ${kind} where the tree's root must be a directory`);
    const known = made.get(path);
    if (known === "directory") refuse(path, `it is a ${kind} here, and a directory stands under this name already`);
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    const above = made.get(parent);
    if (above !== undefined && above !== "directory")
      refuse(path, `it would be written through ${readableName(parent)}, a ${above}`);
    directory(parent);
    const file = onDisk(path);
    if (known !== undefined) rmSync(file);
    made.set(path, kind);
    return file;
  };

  return {
    kind: (path) => made.get(path),
    directory,
    place,
    file: (path, executable) => openFileSink(place(path, "file"), executable),
    symlink: (path, target) => {
      if (target === "" || target.includes("\0") || target.length > MAX_TARGET)
        refuse(path, "its target is empty or too long");
      symlinkSync(bytesOfName(target), place(path, "symlink"));
    },
    hardLink: (path, existing) => {
      if (made.get(existing) !== "file")
        refuse(path, `it is a hard link to ${readableName(existing)}, no file before it`);
      if (path === existing) return;
      linkSync(onDisk(existing), place(path, "file"));
    },
  };
}

/** Opens a new file; what stands there already, a link above all, is an error. */
export function openFileSink(file: string | Buffer, executable: boolean): FileSink {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(file, flags, executable ? 0o755 : 0o644);
  return { write: (chunk) => writeAll(fd, chunk), close: () => closeSync(fd) };
}

export function writeAll(fd: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
}
