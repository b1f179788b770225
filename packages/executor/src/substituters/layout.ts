/**
 * What lies where in a binary cache, and how its records are written. Records use core's canonical encoding, so that
 * equal facts are equal bytes.
 *
 *     realisations/<SHA-256 of the key>   list of format, key, path
 *     objects/<hash part of the path>     core's record of the object
 *     cas/<2 hex>/<SHA-256>.zst           a file, a Directory message or a link's target, compressed by zstd
 *
 * Blobs are named by what they hold, not by what they are compressed to, so versions of an object share them.
 */
import {
  byteSink,
  decode,
  decodedStrings,
  decodeObjectInfo,
  encodeStrings,
  hashPart,
  isConsistent,
  type ObjectInfo,
  type Realisation,
  type RealisationKey,
  type StorePath,
  sha256Hex,
  storePathOf,
} from "@cab/core";

export const realisationName = (key: RealisationKey): string => `realisations/${sha256Hex(key)}`;
export const objectName = (path: StorePath): string => `objects/${hashPart(path)}`;
export const blobName = (hash: string): string => `cas/${hash.slice(0, 2)}/${hash}.zst`;

/** Bytes that a record may have: the references of the largest objects take some tens of thousands. */
export const MAX_RECORD = 4 * 2 ** 20;

const REALISATION = "cab-realisation@1";

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

/** The object's record, if it is one for this very path, and what it says gives that path as far as it can be told yet. */
export function decodeObject(bytes: Uint8Array, path: StorePath): ObjectInfo | undefined {
  const info = decodeObjectInfo(bytes, path);
  return info === undefined || isConsistent(info) ? info : undefined;
}
