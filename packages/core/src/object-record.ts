/** The record of an object, as the store's database and binary caches keep it: canonical, so that equal facts are equal bytes. */
import { fromHex } from "./bytes.ts";
import { isDrvHash } from "./derivation.ts";
import {
  byteSink,
  type Decoded,
  decode,
  decodedList,
  decodedString,
  decodedStrings,
  encodeStrings,
} from "./encoding.ts";
import type { ObjectInfo, ObjectKind } from "./object.ts";
import { parseStorePath, STORE_DIR, type StorePath } from "./store-path.ts";

const FORMAT = "cab-object@1";

export function encodeObjectInfo(info: ObjectInfo): Uint8Array {
  const sink = byteSink();
  const optional = (value: string | null): void => (value === null ? sink.null() : sink.string(value));
  sink.list(9);
  sink.string(FORMAT);
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

/** Reads a record from a doubtful place: undefined unless it is one for this very path, with every field in its form. */
export function decodeObjectInfo(bytes: Uint8Array, path: StorePath): ObjectInfo | undefined {
  const fields = decodedList(decode(bytes));
  if (fields?.length !== 9) return undefined;
  const [format, recordedPath, kind, digest, namingDigest] = fields.slice(0, 5).map(decodedString);
  const selfDigest = optionalString(fields[5]);
  const size = countOf(decodedString(fields[6]));
  const references = storePathsOf(decodedStrings(fields[7]));
  const deriver = optionalString(fields[8]);
  if (format !== FORMAT || recordedPath !== path || !isKind(kind)) return undefined;
  if (!isSha256(digest) || !isSha256(namingDigest) || size === undefined || references === undefined) return undefined;
  if (selfDigest === undefined || (selfDigest !== null && !isSha256(selfDigest))) return undefined;
  if (deriver === undefined || (deriver !== null && !isDrvHash(deriver))) return undefined;
  return { path, kind, digest, namingDigest, selfDigest, size, references, deriver };
}

/** Where in a record's bytes some of its fields begin. */
export interface RecordSkim {
  /** Of the object's own hash part, and of each reference's. */
  readonly hash: number;
  readonly references: readonly number[];
  /** Of the hexadecimal digest of its tree. */
  readonly digest: number;
  readonly isDirectory: boolean;
  /** Of its deriver's hexadecimal hash; undefined if it has none. */
  readonly deriver: number | undefined;
}

const COLON = 58;
const NULL = 110;
const ZERO = 48;

/**
 * Finds fields without decoding the others: for who reads every record of a store. (Half a million take 1 s, decoding
 * them 12.) Undefined if the bytes have not the form of a record; what stands in its fields is not checked.
 */
export function skimObjectRecord(bytes: Uint8Array): RecordSkim | undefined {
  let at = 0;
  const count = (): number => {
    let value = 0;
    for (; bytes[at] !== COLON; at++) {
      const digit = (bytes[at] ?? 0) - ZERO;
      // To beyond the end, where nothing is found any more: a length below zero would lead back, and round in a circle.
      if (digit < 0 || digit > 9) {
        at = bytes.length + 1;
        return 0;
      }
      value = value * 10 + digit;
    }
    at++;
    return value;
  };
  /** Where the string's bytes begin; undefined for null. */
  const string = (): number | undefined => {
    if (bytes[at] === NULL) {
      at++;
      return undefined;
    }
    const length = count();
    at += length;
    return at - length;
  };
  const list = (): number => {
    at++;
    return count();
  };
  if (list() !== 9) return undefined;
  string();
  const path = string();
  const kind = string();
  const digest = string();
  for (let i = 0; i < 3; i++) string();
  const references: number[] = [];
  for (let left = list(); left > 0 && at < bytes.length; left--) references.push((string() ?? 0) + HASH_OFFSET);
  const deriver = string();
  if (at !== bytes.length || path === undefined || kind === undefined || digest === undefined) return undefined;
  return { hash: path + HASH_OFFSET, references, digest, isDirectory: bytes[kind] === LETTER_D, deriver };
}

const HASH_OFFSET = STORE_DIR.length + 1;
/** Of `dir`; no other kind begins with it. */
const LETTER_D = 100;

/** A store path in a record; undefined if the text is none. */
export const storePathOf = (text: string | undefined): StorePath | undefined => {
  const path = parseStorePath(text ?? "");
  return path._tag === "Right" ? path.right : undefined;
};

function storePathsOf(texts: readonly string[] | undefined): StorePath[] | undefined {
  const paths: StorePath[] = [];
  for (const text of texts ?? [""]) {
    const path = storePathOf(text);
    if (path === undefined) return undefined;
    paths.push(path);
  }
  return paths;
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
