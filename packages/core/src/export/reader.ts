/**
 * Reads an export stream that nobody trusts, already decompressed, piece by piece: checks order, names, sizes and digests,
 * and says what it met. Knows no disk. What it has said of an object must not be used before `ObjectDone`.
 *
 * One pass, in memory that does not grow with the objects' bytes. The order of items is the only one that the writer could
 * have chosen, so a stream with items that were moved, repeated or left out is refused at the first of them.
 */
import { compareUtf8, decodeUtf8, printable } from "../bytes.ts";
import { type Derivation, type DrvHash, decodeDerivation, drvHash } from "../derivation.ts";
import { type Digest, type Directory, type DirectoryNode, decodeDirectory, type FileNode } from "../directory.ts";
import { decode, decodedList, decodedString } from "../encoding.ts";
import { isConsistent, type ObjectInfo } from "../object.ts";
import { decodeObjectInfo, storePathOf } from "../object-record.ts";
import type { Realisation } from "../realisation.ts";
import type { StorePath } from "../store-path.ts";
import { type ByteQueue, type Hungry, StreamRefused, takeBytes, untilFed } from "./byte-queue.ts";
import {
  decodeExportedRealisation,
  decodeExportHeader,
  EXPORT_FORMAT,
  EXPORT_VERSION,
  type ExportHeader,
  ITEM,
  ITEM_HEAD_BYTES,
  type ItemType,
  itemLength,
  MOST_BYTES,
  MOST_ENTRIES,
  MOST_PATH_BYTES,
} from "./format.ts";
import { entryPath, type FilePlace, type RecentFiles, recentFiles } from "./recent-files.ts";

export type ExportEvent =
  /** More bytes are wanted, or the word that there are none. */
  | Hungry
  | { readonly _tag: "Header"; readonly header: ExportHeader }
  /** An object begins; what follows until `ObjectDone` is its tree. */
  | { readonly _tag: "Object"; readonly info: ObjectInfo }
  /** `path` is below the object's root; its parent has come before it. Files and directories in it follow. */
  | { readonly _tag: "Directory"; readonly path: Uint8Array; readonly directory: Directory }
  /** The root, if it is a symlink. */
  | { readonly _tag: "Link"; readonly target: Uint8Array }
  /** A file whose bytes come as `Bytes`, until `FileDone`: then they are of this digest. */
  | { readonly _tag: "File"; readonly path: Uint8Array; readonly executable: boolean; readonly digest: Digest }
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "FileDone" }
  /** A file whose bytes stood in the stream before. */
  | {
      readonly _tag: "SameFile";
      readonly path: Uint8Array;
      readonly executable: boolean;
      readonly digest: Digest;
      readonly as: FilePlace;
    }
  | { readonly _tag: "ObjectDone"; readonly info: ObjectInfo }
  | { readonly _tag: "Derivation"; readonly hash: DrvHash; readonly drv: Derivation }
  | { readonly _tag: "Realisation"; readonly realisation: Realisation }
  /** The stream was whole. */
  | { readonly _tag: "Done" }
  /** It ended too early. The last event. */
  | { readonly _tag: "Cut" }
  /** It is not what it says, or not what a writer writes. The last event. */
  | { readonly _tag: "Refused"; readonly reason: string };

/** SHA-256, fed piece by piece. Given from outside, since a host's own is ten times faster than core's. */
export interface Digester {
  readonly update: (bytes: Uint8Array) => void;
  /** Lower-case hexadecimal. */
  readonly digest: () => string;
}

export interface ReaderOptions {
  readonly newDigester: () => Digester;
  /** Entries of one object. */
  readonly entries?: number;
}

/** The last event is `Done`, `Cut` or `Refused`. After `Hungry` the caller feeds `input`, or ends it. */
export function* readExport(input: ByteQueue, options: ReaderOptions): Generator<ExportEvent, void> {
  try {
    yield* stream({ input, entries: MOST_ENTRIES, files: recentFiles(), knowledge: 0, ...options });
  } catch (error) {
    if (!(error instanceof StreamRefused)) throw error;
    yield error.reason === null ? { _tag: "Cut" } : { _tag: "Refused", reason: error.reason };
  }
}

interface Reading extends Required<ReaderOptions> {
  readonly input: ByteQueue;
  readonly files: RecentFiles;
  /** Bytes of derivations and realisations so far. */
  knowledge: number;
}

const refuse = (reason: string): never => {
  throw new StreamRefused(reason);
};

function* stream(reading: Reading): Generator<ExportEvent, void> {
  yield* magic(reading.input);
  const header = yield* readHeader(reading);
  yield { _tag: "Header", header };
  yield* objects(reading, header);
  const afterDerivations = yield* derivations(reading, header);
  const last = yield* realisations(reading, header, afterDerivations);
  if (reading.knowledge !== header.knowledge) {
    refuse(`its derivations and realisations have ${reading.knowledge} bytes, its header says ${header.knowledge}`);
  }
  yield* end(reading, last);
}

/** The version ends with the line; a longer one than any that there will be is no version. */
const VERSION_DIGITS = 9;

function* magic(input: ByteQueue): Generator<ExportEvent, void> {
  const format = yield* takeBytes(input, EXPORT_FORMAT.length);
  if (decodeUtf8(format) !== EXPORT_FORMAT) refuse("it is no export of cab's");
  let version = "";
  for (;;) {
    const character = decodeUtf8(yield* takeBytes(input, 1)) ?? "";
    if (character === "\n") break;
    version += character;
    if (version.length > VERSION_DIGITS || !/^[1-9][0-9]*$/.test(version)) refuse("it is no export of cab's");
  }
  if (version === String(EXPORT_VERSION)) return;
  refuse(`it has version ${version || "none"} of the format, and this cab reads version ${EXPORT_VERSION}`);
}

interface Item {
  readonly type: number;
  readonly length: number;
}

function* nextItem({ input }: Reading): Generator<ExportEvent, Item> {
  const head = yield* takeBytes(input, ITEM_HEAD_BYTES);
  const length = itemLength(head);
  if (!Number.isSafeInteger(length)) refuse("an item has an impossible length");
  return { type: head[0] as number, length };
}

const letter = (type: number): string => `"${printable(Uint8Array.of(type))}"`;

/** An item that must come now; its length is looked at before anything is kept. */
function* payload(reading: Reading, type: ItemType, most: number): Generator<ExportEvent, Uint8Array> {
  const item = yield* nextItem(reading);
  return yield* payloadOf(reading, item, type, most);
}

function* payloadOf({ input }: Reading, item: Item, type: ItemType, most: number): Generator<ExportEvent, Uint8Array> {
  if (item.type !== type) refuse(`an item ${letter(item.type)} stands where ${letter(type)} must`);
  if (item.length > most) refuse(`an item ${letter(type)} has ${item.length} bytes; ${most} are the most`);
  return yield* takeBytes(input, item.length);
}

function* readHeader(reading: Reading): Generator<ExportEvent, ExportHeader> {
  return decodeExportHeader(yield* payload(reading, ITEM.header, MOST_BYTES.header)) ?? refuse("its header is damaged");
}

/** What the header has promised, and how much of it came. */
interface Progress {
  readonly header: ExportHeader;
  readonly known: Set<StorePath>;
  bytes: number;
}

function* objects(reading: Reading, header: ExportHeader): Generator<ExportEvent, void> {
  const progress: Progress = { header, known: new Set(header.needs), bytes: 0 };
  for (let i = 0; i < header.objects; i++) {
    const info = readRecord(yield* payload(reading, ITEM.object, MOST_BYTES.record), progress.known);
    yield { _tag: "Object", info };
    yield* tree(reading, progress, info);
    progress.known.add(info.path);
    yield { _tag: "ObjectDone", info };
  }
  const missing = header.roots.find((root) => !progress.known.has(root));
  if (missing !== undefined) refuse(`it promises ${missing}, and does not hold it`);
  if (progress.bytes !== header.bytes) {
    refuse(`its files have ${progress.bytes} bytes, and its header says ${header.bytes}`);
  }
}

function readRecord(record: Uint8Array, known: ReadonlySet<StorePath>): ObjectInfo {
  const path = storePathOf(decodedString(decodedList(decode(record))?.[1])) ?? refuse("an object's record is damaged");
  const info = decodeObjectInfo(record, path) ?? refuse(`the record of ${path} is damaged`);
  if (known.has(path)) refuse(`${path} stands in it twice, or is among what it needs`);
  for (let i = 0; i < info.references.length; i++) {
    const reference = info.references[i] as StorePath;
    if (i > 0 && compareUtf8(info.references[i - 1] as string, reference) >= 0) {
      refuse(`the references of ${path} are not in order`);
    }
    if (!known.has(reference)) refuse(`${path} refers to ${reference}, which does not stand before it`);
  }
  if (!isConsistent(info)) refuse(`the record of ${path} does not give this path`);
  return info;
}

/** One object's tree: what its record allows, and how much of that came. */
interface Tree {
  readonly reading: Reading;
  readonly progress: Progress;
  readonly info: ObjectInfo;
  entries: number;
  bytes: number;
}

const ROOT = new Uint8Array();

function* tree(reading: Reading, progress: Progress, info: ObjectInfo): Generator<ExportEvent, void> {
  const of: Tree = { reading, progress, info, entries: 0, bytes: 0 };
  switch (info.kind) {
    case "dir":
      yield* directories(of);
      break;
    case "symlink": {
      const target = yield* payload(reading, ITEM.link, MOST_BYTES.target);
      const valid = target.length > 0 && !target.includes(0);
      if (!valid || digestOf(reading, target) !== info.digest) refuse(`${info.path} has another target than it says`);
      yield { _tag: "Link", target };
      break;
    }
    case "file":
    case "exec":
      yield* file(of, {
        folder: ROOT,
        name: ROOT,
        digest: { hash: info.digest, size: info.size },
        executable: info.kind === "exec",
      });
  }
  if (of.bytes !== info.size) refuse(`the files of ${info.path} have ${of.bytes} bytes, its record says ${info.size}`);
}

interface Folder {
  readonly path: Uint8Array;
  readonly directories: readonly DirectoryNode[];
  next: number;
}

/**
 * Each directory before what is in it; in it its files, then its directories, both in the message's order. Only the
 * folders on the way down are kept: what a hostile message can make us remember is its own length.
 */
function* directories(of: Tree): Generator<ExportEvent, void> {
  const root = yield* folder(of, ROOT, { hash: of.info.digest, size: undefined });
  const way = [root];
  for (let top = way.at(-1); top !== undefined; top = way.at(-1)) {
    const child = top.directories[top.next++];
    if (child === undefined) way.pop();
    else way.push(yield* folder(of, entryPath(top.path, child.name), child.digest));
  }
}

function* folder(
  of: Tree,
  path: Uint8Array,
  { hash, size }: { readonly hash: string; readonly size: number | undefined },
): Generator<ExportEvent, Folder> {
  const { reading, info } = of;
  const message = yield* payload(reading, ITEM.directory, MOST_BYTES.directory);
  const sound = (size === undefined || message.length === size) && digestOf(reading, message) === hash;
  const directory = sound ? decodeDirectory(message) : undefined;
  if (directory === undefined) return refuse(`${where(info, path)} is not the directory that was promised`);
  const { files, directories, symlinks } = directory;
  of.entries += files.length + directories.length + symlinks.length;
  if (of.entries > reading.entries) refuse(`${info.path} has more than ${reading.entries} entries`);
  if (path.length + 1 + longestName(directory) > MOST_PATH_BYTES) refuse(`${where(info, path)} nests too deep`);
  yield { _tag: "Directory", path, directory };
  for (const node of files) yield* file(of, { folder: path, ...node });
  return { path, directories, next: 0 };
}

const longestName = ({ files, directories, symlinks }: Directory): number => {
  let longest = 0;
  for (const nodes of [files, directories, symlinks]) {
    for (const { name } of nodes) longest = Math.max(longest, name.length);
  }
  return longest;
};

function* file(of: Tree, node: FileNode & { readonly folder: Uint8Array }): Generator<ExportEvent, void> {
  const { reading, progress, info } = of;
  const { folder, name, executable, digest } = node;
  const { hash, size } = digest;
  const path = entryPath(folder, name);
  of.bytes += size;
  if (of.bytes > info.size) refuse(`the files of ${info.path} have more than the ${info.size} bytes of its record`);
  const as = reading.files.find(hash);
  if (as !== undefined) {
    if (as.size !== size) refuse(`${where(info, path)} has ${as.size} bytes, expected ${size}`);
    yield { _tag: "SameFile", path, executable, digest, as };
    return;
  }
  const item = yield* nextItem(reading);
  if (item.type !== ITEM.file) refuse(`an item ${letter(item.type)} stands where ${where(info, path)} must`);
  if (item.length !== size) refuse(`${where(info, path)} has ${item.length} bytes, expected ${size}`);
  progress.bytes += size;
  if (progress.bytes > progress.header.bytes) {
    refuse(`it has more than the ${progress.header.bytes} bytes of files that its header says`);
  }
  yield { _tag: "File", path, executable, digest };
  const digester = reading.newDigester();
  for (let left = size; left > 0; ) {
    yield* untilFed(reading.input);
    const bytes = reading.input.takeSome(left) as Uint8Array;
    digester.update(bytes);
    left -= bytes.length;
    yield { _tag: "Bytes", bytes };
  }
  if (digester.digest() !== hash) refuse(`${where(info, path)} holds other bytes than were promised`);
  yield { _tag: "FileDone" };
  reading.files.add(hash, { object: info.path, folder, name, size });
}

/** Derivations, by the order of their hashes: each proves itself. Returns the first item of another type. */
function* derivations(reading: Reading, header: ExportHeader): Generator<ExportEvent, Item> {
  let before = "";
  for (;;) {
    const item = yield* nextItem(reading);
    if (item.type !== ITEM.derivation) return item;
    countKnowledge(reading, header, item);
    const bytes = yield* payloadOf(reading, item, ITEM.derivation, MOST_BYTES.derivation);
    const drv = decodeDerivation(bytes) ?? refuse("a derivation is damaged");
    const hash = drvHash(drv);
    if (compareUtf8(before, hash) >= 0) refuse(`the derivation ${hash} is out of order, or stands in it twice`);
    yield { _tag: "Derivation", hash, drv };
    before = hash;
  }
}

/** Realisations, by the order of their keys: nothing in the stream proves them. Returns the first item of another type. */
function* realisations(reading: Reading, header: ExportHeader, first: Item): Generator<ExportEvent, Item> {
  let before = "";
  let item = first;
  for (; item.type === ITEM.realisation; item = yield* nextItem(reading)) {
    countKnowledge(reading, header, item);
    const bytes = yield* payloadOf(reading, item, ITEM.realisation, MOST_BYTES.record);
    const realisation = decodeExportedRealisation(bytes) ?? refuse("a realisation is damaged");
    if (compareUtf8(before, realisation.key) >= 0) {
      refuse(`the realisation ${realisation.key} is out of order, or stands in it twice`);
    }
    yield { _tag: "Realisation", realisation };
    before = realisation.key;
  }
  return item;
}

function countKnowledge(reading: Reading, { knowledge }: ExportHeader, { length }: Item): void {
  reading.knowledge += length;
  if (reading.knowledge > knowledge) {
    refuse(`it has more than the ${knowledge} bytes of derivations and realisations that its header says`);
  }
}

function* end({ input }: Reading, { type, length }: Item): Generator<ExportEvent, void> {
  if (type !== ITEM.end || length !== 0) refuse(`an item ${letter(type)} stands where its end must`);
  while (!input.ended() && input.length() === 0) yield { _tag: "Hungry" };
  if (input.length() > 0) refuse("something follows its end");
  yield { _tag: "Done" };
}

/** An entry as a person reads it. */
const where = (info: ObjectInfo, path: Uint8Array): string =>
  path.length === 0 ? info.path : `${info.path}/${printable(path)}`;

function digestOf({ newDigester }: Reading, bytes: Uint8Array): string {
  const digester = newDigester();
  digester.update(bytes);
  return digester.digest();
}
