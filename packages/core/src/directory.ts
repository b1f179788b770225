/**
 * Directory messages of the Remote Execution API v2 (build.bazel.remote.execution.v2.Directory), in canonical form:
 * fields in the order of their numbers, entries sorted by the bytes of their names, no unknown field, no empty default.
 * A tree's digest is the SHA-256 of its root's message, so an object can be part of any remote action's input root.
 *
 * Source: github.com/bazelbuild/remote-apis, remote_execution.proto, and the protobuf wire format.
 */
import { compareBytes, decodeUtf8, fromHex, toHex, utf8 } from "./bytes.ts";

/** SHA-256 in lower-case hexadecimal, and the size in bytes of what was hashed. */
export interface Digest {
  readonly hash: string;
  readonly size: number;
}

export interface FileNode {
  readonly name: Uint8Array;
  readonly digest: Digest;
  readonly executable: boolean;
}
export interface DirectoryNode {
  readonly name: Uint8Array;
  readonly digest: Digest;
}
export interface SymlinkNode {
  readonly name: Uint8Array;
  readonly target: Uint8Array;
}
/** Names are raw bytes: one that is not UTF-8 is kept, and marks the object as not remotable. */
export interface Directory {
  readonly files: readonly FileNode[];
  readonly directories: readonly DirectoryNode[];
  readonly symlinks: readonly SymlinkNode[];
}

const byName = (a: { name: Uint8Array }, b: { name: Uint8Array }): number => compareBytes(a.name, b.name);

const varint = (into: number[], value: number): void => {
  let rest = value;
  while (rest > 127) {
    into.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  into.push(rest);
};

/** A length-delimited field (wire type 2). */
const delimited = (into: number[], field: number, bytes: ArrayLike<number>): void => {
  varint(into, (field << 3) | 2);
  varint(into, bytes.length);
  for (let i = 0; i < bytes.length; i++) into.push(bytes[i] as number);
};

const digestMessage = ({ hash, size }: Digest): number[] => {
  const message: number[] = [];
  delimited(message, 1, utf8(hash));
  if (size !== 0) {
    message.push(2 << 3);
    varint(message, size);
  }
  return message;
};

export function encodeDirectory(directory: Directory): Uint8Array {
  const message: number[] = [];
  for (const { name, digest, executable } of [...directory.files].sort(byName)) {
    const node: number[] = [];
    delimited(node, 1, name);
    delimited(node, 2, digestMessage(digest));
    if (executable) node.push(4 << 3, 1);
    delimited(message, 1, node);
  }
  for (const { name, digest } of [...directory.directories].sort(byName)) {
    const node: number[] = [];
    delimited(node, 1, name);
    delimited(node, 2, digestMessage(digest));
    delimited(message, 2, node);
  }
  for (const { name, target } of [...directory.symlinks].sort(byName)) {
    const node: number[] = [];
    delimited(node, 1, name);
    delimited(node, 2, target);
    delimited(message, 3, node);
  }
  return Uint8Array.from(message);
}

interface Field {
  readonly number: number;
  readonly value: Uint8Array | number;
}

function readFields(bytes: Uint8Array): Field[] | undefined {
  let at = 0;
  const readVarint = (): number | undefined => {
    let value = 0;
    for (let shift = 0; shift < 8; shift++) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value += (byte & 127) * 128 ** shift;
      if (byte < 128) return byte === 0 && shift > 0 ? undefined : value;
    }
    return undefined;
  };
  const fields: Field[] = [];
  while (at < bytes.length) {
    const tag = readVarint();
    const amount = readVarint();
    if (tag === undefined || amount === undefined) return undefined;
    const wireType = tag & 7;
    if (wireType === 0) {
      fields.push({ number: tag >> 3, value: amount });
    } else {
      if (wireType !== 2 || at + amount > bytes.length) return undefined;
      fields.push({ number: tag >> 3, value: bytes.slice(at, at + amount) });
      at += amount;
    }
  }
  return fields;
}

const bytesOf = (fields: readonly Field[], number: number): Uint8Array | undefined => {
  const value = fields.find((field) => field.number === number)?.value;
  return value instanceof Uint8Array ? value : undefined;
};

const numberOf = (fields: readonly Field[], number: number): number => {
  const value = fields.find((field) => field.number === number)?.value;
  return typeof value === "number" ? value : 0;
};

function readDigest(bytes: Uint8Array | undefined): Digest | undefined {
  const fields = bytes === undefined ? undefined : readFields(bytes);
  const hash = fields === undefined ? undefined : decodeUtf8(bytesOf(fields, 1) ?? new Uint8Array());
  if (fields === undefined || hash === undefined || fromHex(hash)?.length !== 32) return undefined;
  const size = numberOf(fields, 2);
  return Number.isSafeInteger(size) ? { hash, size } : undefined;
}

/**
 * Digests of the directories in a message that this store wrote itself: much cheaper than decoding it whole. Undefined if
 * it is no message at all.
 */
export function subdirectories(bytes: Uint8Array): string[] | undefined {
  const hashes: string[] = [];
  for (const { number, value } of readFields(bytes) ?? [{ number: 0, value: 0 }]) {
    if (number === 0) return undefined;
    if (number !== 2) continue;
    const digest = value instanceof Uint8Array ? readDigest(bytesOf(readFields(value) ?? [], 2)) : undefined;
    if (digest === undefined) return undefined;
    hashes.push(digest.hash);
  }
  return hashes;
}

/** A name that can stand in a directory: not empty, `.` or `..`, no slash, no NUL, at most 255 bytes. */
export const isEntryName = (name: Uint8Array): boolean =>
  name.length > 0 &&
  name.length <= 255 &&
  !name.includes(47) &&
  !name.includes(0) &&
  !(name[0] === 46 && (name.length === 1 || (name.length === 2 && name[1] === 46)));

/** Reads a message from an untrusted place: whatever is not canonical, or holds a name that cannot be, gives `undefined`. */
export function decodeDirectory(bytes: Uint8Array): Directory | undefined {
  const files: FileNode[] = [];
  const directories: DirectoryNode[] = [];
  const symlinks: SymlinkNode[] = [];
  const names = new Set<string>();
  for (const { number, value } of readFields(bytes) ?? [{ number: 0, value: 0 }]) {
    const fields = value instanceof Uint8Array ? readFields(value) : undefined;
    const name = fields === undefined ? undefined : bytesOf(fields, 1);
    if (fields === undefined || name === undefined || !isEntryName(name)) return undefined;
    names.add(toHex(name));
    if (number === 3) {
      const target = bytesOf(fields, 2);
      if (target === undefined || target.length === 0 || target.includes(0)) return undefined;
      symlinks.push({ name, target });
      continue;
    }
    const digest = readDigest(bytesOf(fields, 2));
    if (digest === undefined) return undefined;
    if (number === 1) files.push({ name, digest, executable: numberOf(fields, 4) === 1 });
    else directories.push({ name, digest });
  }
  const directory = { files, directories, symlinks };
  const distinct = names.size === files.length + directories.length + symlinks.length;
  return distinct && compareBytes(encodeDirectory(directory), bytes) === 0 ? directory : undefined;
}
