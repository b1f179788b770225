/**
 * What lies where in a binary cache, and how its records are written. Records use core's canonical encoding, so that
 * equal facts are equal bytes.
 *
 *     realisations/<SHA-256 of the key>   list of format, key, path
 *     objects/<hash part of the path>     list of format and the fields of ObjectInfo
 *     cas/<2 hex>/<SHA-256>.zst           a file, a Directory message or a link's target, compressed by zstd
 *
 * Blobs are named by what they hold, not by what they are compressed to, so versions of an object share them.
 */
import {
  byteSink,
  contentAddressedPath,
  type Decoded,
  decode,
  decodedList,
  decodedString,
  decodedStrings,
  encodeStrings,
  fromHex,
  hashPart,
  isDrvHash,
  namePart,
  type ObjectInfo,
  type ObjectKind,
  parseStorePath,
  type Realisation,
  type RealisationKey,
  type StorePath,
  sha256Hex,
} from "@cab/core";

export const realisationName = (key: RealisationKey): string => `realisations/${sha256Hex(key)}`;
export const objectName = (path: StorePath): string => `objects/${hashPart(path)}`;
export const blobName = (hash: string): string => `cas/${hash.slice(0, 2)}/${hash}.zst`;

/** Bytes that a record may have: the references of the largest objects take some tens of thousands. */
export const MAX_RECORD = 4 * 2 ** 20;

const REALISATION = "cab-realisation@1";
const OBJECT = "cab-object@1";

export function encodeRealisation({ key, path }: Realisation): Uint8Array {
  const sink = byteSink();
  encodeStrings(sink, [REALISATION, key, path]);
  return sink.bytes();
}

/** The path, if the record is one for this very key. */
export function decodeRealisation(bytes: Uint8Array, key: RealisationKey): StorePath | undefined {
  const [format, recordedKey, path, ...rest] = decodedStrings(decode(bytes)) ?? [];
  if (format !== REALISATION || recordedKey !== key || rest.length > 0) return undefined;
  return storePathOf(path);
}

export function encodeObject(info: ObjectInfo): Uint8Array {
  const sink = byteSink();
  const optional = (value: string | null): void => (value === null ? sink.null() : sink.string(value));
  sink.list(9);
  sink.string(OBJECT);
  sink.string(info.path);
  sink.string(info.kind);
  sink.string(info.digest);
  sink.string(info.namingDigest);
  optional(info.selfDigest);
  sink.string(String(info.size));
  encodeStrings(sink, info.references);
  optional(info.deriver);
  return sink.bytes();
}

/** The object's record, if it is one for this very path, and what it says gives that path as far as it can be told yet. */
export function decodeObject(bytes: Uint8Array, path: StorePath): ObjectInfo | undefined {
  const fields = decodedList(decode(bytes));
  if (fields?.length !== 9) return undefined;
  const [format, recordedPath, kind, digest, namingDigest] = fields.slice(0, 5).map(decodedString);
  const selfDigest = optionalString(fields[5]);
  const size = countOf(decodedString(fields[6]));
  const references = decodedStrings(fields[7])?.map(storePathOf);
  const deriver = optionalString(fields[8]);
  if (format !== OBJECT || recordedPath !== path || !isKind(kind)) return undefined;
  if (!isSha256(digest) || !isSha256(namingDigest) || size === undefined) return undefined;
  if (selfDigest === undefined || (selfDigest !== null && !isSha256(selfDigest))) return undefined;
  if (deriver === undefined || (deriver !== null && !isDrvHash(deriver))) return undefined;
  if (references === undefined || !references.every((one) => one !== undefined)) return undefined;
  const name = namePart(path);
  if (selfDigest === null) {
    const promised = contentAddressedPath({ kind, namingDigest, references, selfReferences: [], name });
    if (promised !== path || digest !== namingDigest) return undefined;
  }
  return { path, kind, digest, namingDigest, selfDigest, size, references, deriver };
}

const isSha256 = (text: string | undefined): text is string => text !== undefined && fromHex(text)?.length === 32;

const isKind = (text: string | undefined): text is ObjectKind =>
  text === "dir" || text === "file" || text === "exec" || text === "symlink";

const optionalString = (value: Decoded | undefined): string | null | undefined =>
  value === null ? null : decodedString(value);

function countOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(0|[1-9][0-9]*)$/.test(text)) return undefined;
  return Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

function storePathOf(text: string | undefined): StorePath | undefined {
  const path = parseStorePath(text ?? "");
  return path._tag === "Right" ? path.right : undefined;
}
