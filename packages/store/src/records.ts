/**
 * The bytes of the database's values: core's canonical encoding and a checksum over table, key and value, so that a bit
 * that flips on disk, or a value that ends up under another key, is noticed when it is read (LMDB itself checks nothing:
 * of 150 flipped bytes 7 were silently wrong). Knows no database.
 */
import {
  byteSink,
  compareBytes,
  decode,
  decodedList,
  decodedString,
  decodedStrings,
  encodeStrings,
  type ObjectInfo,
  type ObjectKind,
  parseStorePath,
  type StorePath,
  sha256,
} from "@cab/core";

const CHECKSUM_BYTES = 8;

const checksum = (table: string, key: string, payload: Uint8Array): Uint8Array =>
  sha256(Buffer.concat([Buffer.from(`${table}\0${key}\0`), payload])).subarray(0, CHECKSUM_BYTES);

export const sealValue = (table: string, key: string, payload: Uint8Array): Buffer =>
  Buffer.concat([payload, checksum(table, key, payload)]);

/** The payload; undefined if the value is not the one that was written for this key. */
export function openValue(table: string, key: string, value: Buffer): Buffer | undefined {
  if (value.length < CHECKSUM_BYTES) return undefined;
  const payload = value.subarray(0, value.length - CHECKSUM_BYTES);
  return compareBytes(checksum(table, key, payload), value.subarray(payload.length)) === 0 ? payload : undefined;
}

export function encodeObject(info: ObjectInfo): Uint8Array {
  const sink = byteSink();
  sink.list(8);
  sink.string(info.path);
  sink.string(info.kind);
  sink.string(info.digest);
  sink.string(info.namingDigest);
  if (info.selfDigest === null) sink.null();
  else sink.string(info.selfDigest);
  sink.string(String(info.size));
  encodeStrings(sink, info.references);
  if (info.deriver === null) sink.null();
  else sink.string(info.deriver);
  return sink.bytes();
}

const KINDS: readonly string[] = ["dir", "file", "exec", "symlink"] satisfies ObjectKind[];

const isKind = (text: string | undefined): text is ObjectKind => text !== undefined && KINDS.includes(text);

export const decodePath = (text: string | undefined): StorePath | undefined => {
  const path = parseStorePath(text ?? "");
  return path._tag === "Right" ? path.right : undefined;
};

export function decodeObject(bytes: Uint8Array): ObjectInfo | undefined {
  const fields = decodedList(decode(bytes));
  if (fields?.length !== 8) return undefined;
  const path = decodePath(decodedString(fields[0]));
  const kind = decodedString(fields[1]);
  const digest = decodedString(fields[2]);
  const namingDigest = decodedString(fields[3]);
  const selfDigest = fields[4] === null ? null : decodedString(fields[4]);
  const size = Number(decodedString(fields[5]));
  const references: StorePath[] = [];
  for (const text of decodedStrings(fields[6]) ?? [""]) {
    const reference = decodePath(text);
    if (reference === undefined) return undefined;
    references.push(reference);
  }
  const deriver = fields[7] === null ? null : decodedString(fields[7]);
  if (path === undefined || !isKind(kind) || digest === undefined || namingDigest === undefined) return undefined;
  if (selfDigest === undefined || deriver === undefined || !Number.isSafeInteger(size)) return undefined;
  return { path, kind, digest, namingDigest, selfDigest, size, references, deriver };
}
