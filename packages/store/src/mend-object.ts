/**
 * Mends a damaged object with what the store has itself: sets modes and times right, drops damaged files from the pool, and
 * puts the tree together anew from good files. Knows the object's record; neither caches nor builders.
 */
import { chmodSync, constants, copyFileSync, lstatSync, lutimesSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { baseName, type ObjectInfo, type Scratch, scratchFile } from "@cab/core";
import type { AdmitContext } from "./admit-outputs.ts";
import { messageOf } from "./examine-object.ts";
import { errorCode } from "./failure.ts";
import { digestWith } from "./file-bytes.ts";
import { objectFile, poolFile } from "./layout.ts";
import { proveObject } from "./prove-object.ts";
import { OBJECT_TIME } from "./settle.ts";
import { syncAll, syncDirectory } from "./sync.ts";
import { fileAt, joinPath } from "./tree.ts";

type Entry =
  | { readonly kind: "file" | "exec"; readonly path: Buffer; readonly digest: string }
  | { readonly kind: "symlink"; readonly path: Buffer; readonly target: Uint8Array }
  | { readonly kind: "dir"; readonly path: Buffer };

/** Everything in the tree, a directory before what is in it; undefined if the database does not say all of it. */
function entriesOf({ database }: AdmitContext, { kind, digest }: ObjectInfo): Entry[] | undefined {
  if (kind === "symlink") return undefined;
  const root = Buffer.alloc(0);
  if (kind !== "dir") return [{ kind, path: root, digest }];
  const entries: Entry[] = [];
  const pending: { path: Buffer; digest: string }[] = [{ path: root, digest }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path } = next;
    const message = messageOf(database, next.digest);
    if (message === undefined) return undefined;
    const below = (name: Uint8Array): Buffer => joinPath(path, Buffer.from(name));
    entries.push({ kind: "dir", path });
    for (const { name, digest: file, executable } of message.files) {
      entries.push({ kind: executable ? "exec" : "file", path: below(name), digest: file.hash });
    }
    for (const { name, target } of message.symlinks) entries.push({ kind: "symlink", path: below(name), target });
    for (const { name, digest: directory } of message.directories) {
      pending.push({ path: below(name), digest: directory.hash });
    }
  }
  return entries;
}

/** True if the object is whole afterwards, without a byte having been written to it. */
export async function mendInPlace(context: AdmitContext, info: ObjectInfo): Promise<boolean> {
  const { layout, database, buffer } = context;
  const root = objectFile(layout, info.path);
  const entries = entriesOf(context, info) ?? [];
  const restored = entries.flatMap(({ kind, path }) => restoreMode(fileAt(root, path), kind));
  let dropped = false;
  for (const entry of entries) if ("digest" in entry && (await dropDamaged(context, entry))) dropped = true;
  if (dropped) syncDirectory(layout.links);
  if (lstatSync(root, { throwIfNoEntry: false }) === undefined) return false;
  const proof = await proveObject(root, info.path, { candidates: info.references, buffer });
  if (proof === undefined || proof.info.digest !== info.digest) return false;
  await syncAll(restored, { directory: layout.store });
  database.write((writer) => {
    for (const [digest, message] of proof.directories) writer.directory(digest, message);
  });
  return true;
}

/** Gives what must be synced for it to last. */
function restoreMode(file: Buffer, kind: Entry["kind"]): Buffer[] {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  const isRight = kind === "dir" ? stat?.isDirectory() : kind === "symlink" ? stat?.isSymbolicLink() : stat?.isFile();
  if (stat === undefined || !isRight) return [];
  const mode = kind === "file" ? 0o444 : 0o555;
  const isMode = kind === "symlink" || (stat.mode & 0o7777) === mode;
  const isTime = Math.floor(stat.mtimeMs / 1000) === OBJECT_TIME;
  if (!isMode) chmodSync(file, mode);
  if (!isTime) lutimesSync(file, OBJECT_TIME, OBJECT_TIME);
  if (isMode && isTime) return [];
  // A link cannot be opened, and goes to disk with its directory.
  return [kind === "symlink" ? file.subarray(0, file.lastIndexOf("/")) : file];
}

/** What is in the pool under a digest that it does not have would spoil whatever is admitted next. True if it was so. */
async function dropDamaged(context: AdmitContext, { kind, digest }: Entry & { digest: string }): Promise<boolean> {
  const pooled = poolFile(context.layout, digest, kind === "exec");
  if (await isGood(context, pooled, digest)) return false;
  rmSync(pooled, { force: true, recursive: true });
  return true;
}

/** True of a plain file with this content; a file that cannot be read has none. */
async function isGood({ buffer }: AdmitContext, file: Buffer | string, digest: string): Promise<boolean> {
  try {
    return (await digestWith(file, "sha256", [], buffer)) === digest;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

/**
 * Puts the tree together in the scratch directory from the object's own good files and the pool's; gives where it lies.
 * Undefined if the store lacks some part of it.
 */
export async function reassemble(
  context: AdmitContext,
  scratch: Scratch,
  info: ObjectInfo,
): Promise<string | undefined> {
  const { layout } = context;
  const entries = entriesOf(context, info);
  if (entries === undefined) return undefined;
  const from = objectFile(layout, info.path);
  const to = scratchFile(scratch, baseName(info.path));
  for (const entry of entries) {
    const file = fileAt(to, entry.path);
    if (entry.kind === "dir") mkdirSync(file);
    else if (entry.kind === "symlink") symlinkSync(Buffer.from(entry.target), file);
    else {
      const good = await goodFile(context, entry, fileAt(from, entry.path));
      if (good === undefined) return undefined;
      copyFileSync(good, file, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      chmodSync(file, entry.kind === "exec" ? 0o755 : 0o644);
    }
  }
  return to;
}

async function goodFile(
  context: AdmitContext,
  { kind, digest }: Entry & { digest: string },
  own: Buffer,
): Promise<Buffer | string | undefined> {
  if (await isGood(context, own, digest)) return own;
  const pooled = poolFile(context.layout, digest, kind === "exec");
  return (await isGood(context, pooled, digest)) ? pooled : undefined;
}
