/**
 * Holds an object's tree on disk against what the database says of it: names, types, modes, times, and, if asked, every
 * byte. Knows one object; reports what is wrong, and mends nothing.
 */
import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { baseName, compareBytes, type Directory, type ObjectInfo, type StorePath } from "@cab/core";
import { sha256Of } from "./bulk-hash.ts";
import type { Database } from "./database.ts";
import { errorCode, StoreException } from "./failure.ts";
import type { FileHasher } from "./hash-files.ts";
import { type Layout, objectFile } from "./layout.ts";
import { OBJECT_TIME } from "./settle.ts";
import { fileAt, joinPath, pathText } from "./tree.ts";

export interface Damage {
  /** The object; null for what belongs to none. */
  readonly path: StorePath | null;
  /** A place in the object's tree, `.` for its root; else below the store's root. */
  readonly file: string;
  readonly expected: string;
  readonly found: string;
  /** `mode`: only permissions or times are wrong, and can be set right in place. */
  readonly kind: "mode" | "content";
}

export interface ExamineContext {
  readonly layout: Layout;
  readonly database: Database;
  /** Reads every file if given. */
  readonly hasher: FileHasher | undefined;
}

/** What one entry should be. */
type Expected =
  | { readonly kind: "file" | "exec"; readonly digest: string; readonly size: number | undefined }
  | { readonly kind: "symlink"; readonly digest: string }
  | { readonly kind: "dir"; readonly digest: string };

export async function examineObject(context: ExamineContext, info: ObjectInfo): Promise<Damage[]> {
  const { layout, database, hasher } = context;
  const root = objectFile(layout, info.path);
  const damages: Damage[] = [];
  const readings: Promise<void>[] = [];

  const report = (path: Buffer, expected: string, found: string, kind: Damage["kind"] = "content"): void => {
    damages.push({ path: info.path, file: pathText(path), expected, found, kind });
  };

  const examineEntry = (path: Buffer, expected: Expected): void => {
    const file = fileAt(root, path);
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat === undefined || typeOf(stat) !== typeName(expected.kind)) {
      report(path, typeName(expected.kind), stat === undefined ? "nothing" : typeOf(stat));
      return;
    }
    examineMode(path, expected, stat);
    if (expected.kind === "dir") examineDirectory(path, expected.digest);
    else if (expected.kind === "symlink") examineTarget(path, expected.digest);
    else examineFile(path, { ...expected, stat });
  };

  const examineMode = (path: Buffer, { kind }: Expected, stat: Stats): void => {
    const mode = kind === "file" ? 0o444 : 0o555;
    const found = stat.mode & 0o7777;
    if (kind !== "symlink" && found !== mode) report(path, `mode ${octal(mode)}`, `mode ${octal(found)}`, "mode");
    const seconds = Math.floor(stat.mtimeMs / 1000);
    if (seconds !== OBJECT_TIME) report(path, `time ${timeText(OBJECT_TIME)}`, `time ${timeText(seconds)}`, "mode");
  };

  const examineTarget = (path: Buffer, digest: string): void => {
    const target = readlinkSync(fileAt(root, path), { encoding: "buffer" });
    if (sha256Of(target) !== digest) report(path, `a link whose target has SHA-256 ${digest}`, `a link to ${target}`);
  };

  const examineFile = (
    path: Buffer,
    { digest, size, stat }: { readonly digest: string; readonly size: number | undefined; readonly stat: Stats },
  ): void => {
    if (size !== undefined && stat.size !== size) {
      report(path, `${size} bytes with SHA-256 ${digest}`, `${stat.size} bytes`);
    } else if (hasher !== undefined) {
      readings.push(
        hasher.digest(fileAt(root, path), stat).then((found) => {
          if ("unreadable" in found)
            report(path, `SHA-256 ${digest}`, `a file that cannot be read (${found.unreadable})`);
          else if (found.digest !== digest) report(path, `SHA-256 ${digest}`, `SHA-256 ${found.digest}`);
        }),
      );
    }
  };

  const examineDirectory = (path: Buffer, digest: string): void => {
    const message = messageOf(database, digest);
    if (message === undefined) {
      report(path, `the record of a directory with digest ${digest}`, "none that is sound, in the database");
      return;
    }
    const entries = entriesOf(message);
    for (const name of readdirSync(fileAt(root, path), { encoding: "buffer" })) {
      if (!entries.has(name.toString("latin1")))
        report(joinPath(path, name), "nothing", "an entry that is not the object's");
    }
    for (const [name, expected] of entries) examineEntry(joinPath(path, Buffer.from(name, "latin1")), expected);
  };

  for (const reference of info.references) {
    if (database.object(reference) === undefined)
      report(Buffer.alloc(0), `${baseName(reference)} beside it`, "no such object");
  }
  try {
    examineEntry(Buffer.alloc(0), {
      kind: info.kind,
      digest: info.digest,
      size: info.kind === "dir" ? undefined : info.size,
    });
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    report(Buffer.alloc(0), "a tree that can be read", `${code} on ${(error as NodeJS.ErrnoException).path ?? "it"}`);
  }
  await Promise.all(readings);
  return damages;
}

/** A directory's message; undefined if the database has none, or a damaged one. */
export function messageOf(database: Database, digest: string): Directory | undefined {
  try {
    return database.directory(digest);
  } catch (error) {
    if (error instanceof StoreException && error.failure._tag === "StoreDamaged") return undefined;
    throw error;
  }
}

/** By name, one character for each byte. */
function entriesOf({ files, directories, symlinks }: Directory): Map<string, Expected> {
  const entries = new Map<string, Expected>();
  const key = (name: Uint8Array): string => Buffer.from(name).toString("latin1");
  for (const { name, digest, executable } of files) {
    entries.set(key(name), { kind: executable ? "exec" : "file", digest: digest.hash, size: digest.size });
  }
  for (const { name, digest } of directories) entries.set(key(name), { kind: "dir", digest: digest.hash });
  for (const { name, target } of symlinks) entries.set(key(name), { kind: "symlink", digest: sha256Of(target) });
  return entries;
}

const typeName = (kind: ObjectInfo["kind"]): string =>
  kind === "dir" ? "a directory" : kind === "symlink" ? "a symbolic link" : "a file";

function typeOf(stat: Stats): string {
  if (stat.isFile()) return "a file";
  if (stat.isDirectory()) return "a directory";
  return stat.isSymbolicLink() ? "a symbolic link" : "something that is neither file, directory nor link";
}

const octal = (mode: number): string => mode.toString(8).padStart(4, "0");

const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** In the order in which a person looks for them. */
export const byPlace = (a: Damage, b: Damage): number =>
  compareBytes(Buffer.from(`${a.path ?? ""}\0${a.file}`), Buffer.from(`${b.path ?? ""}\0${b.file}`));
