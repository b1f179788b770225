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
import { parseStorePath, type StorePath } from "./store-path.ts";

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
