/**
 * The export stream's vocabulary: how it begins, what its items are, and how long each may be. docs/formats/export.md
 * says the same byte by byte. Knows no disk, and no order of items: that is `reader.ts`.
 */
import { utf8 } from "../bytes.ts";
import {
  byteSink,
  type Decoded,
  decode,
  decodedMap,
  decodedString,
  decodedStrings,
  encodeMap,
  encodeStrings,
} from "../encoding.ts";
import { isRealisationKey, type Realisation } from "../realisation.ts";
import { parseStorePath, type StorePath } from "../store-path.ts";

export const EXPORT_FORMAT = "cab-export@";
export const EXPORT_VERSION = 1;

/** What the decompressed stream begins with. */
export const exportMagic: Uint8Array = utf8(`${EXPORT_FORMAT}${EXPORT_VERSION}\n`);

/** The type of an item: one ASCII letter. */
export const ITEM = {
  header: 0x48, // H
  object: 0x4f, // O
  directory: 0x44, // D
  file: 0x46, // F
  link: 0x4c, // L
  derivation: 0x56, // V
  realisation: 0x52, // R
  end: 0x45, // E
} as const;

export type ItemType = (typeof ITEM)[keyof typeof ITEM];

/** A type, and the payload's length as 8 bytes, big end first. */
export const ITEM_HEAD_BYTES = 9;

export function itemHead(type: ItemType, length: number): Uint8Array {
  const head = new Uint8Array(ITEM_HEAD_BYTES);
  head[0] = type;
  let rest = length;
  for (let i = ITEM_HEAD_BYTES - 1; i > 0; i--) {
    head[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return head;
}

/** Not a safe integer if the length is one that no item can have. */
export function itemLength(head: Uint8Array): number {
  let length = 0;
  for (let i = 1; i < ITEM_HEAD_BYTES; i++) length = length * 256 + (head[i] as number);
  return length;
}

/** Bytes that a payload may have, of the items that are kept in memory as one piece. */
export const MOST_BYTES = {
  /** Half a million paths. */
  header: 64 * 2 ** 20,
  /** A record: the references of the largest objects take some tens of thousands. */
  record: 4 * 2 ** 20,
  /** A message of a million entries is no directory of a package. */
  directory: 64 * 2 ** 20,
  /** Linux's own limit. */
  target: 4095,
  derivation: 16 * 2 ** 20,
} as const;

/** A path below an object's root, as Linux limits it for a system call. */
export const MOST_PATH_BYTES = 4095;

/** Objects of one stream: the names of all of them are kept while it is read. */
export const MOST_OBJECTS = 2 ** 20;

/** Entries of one object. A tree that is small when compressed can have any number. */
export const MOST_ENTRIES = 2_000_000;

/** What a stream says of itself before anything else. */
export interface ExportHeader {
  /** What was asked for, in that order; the rest is what these need. */
  readonly roots: readonly StorePath[];
  /** Objects that are not in the stream, and that objects in it refer to: the reader must have them. */
  readonly needs: readonly StorePath[];
  readonly objects: number;
  /** Sum of the lengths of all file items. */
  readonly bytes: number;
  /** Sum of the lengths of all derivations and realisations. */
  readonly knowledge: number;
}

export function encodeExportHeader({ roots, needs, objects, bytes, knowledge }: ExportHeader): Uint8Array {
  const sink = byteSink();
  encodeMap<number | readonly string[]>(sink, { roots, needs, objects, bytes, knowledge }, (value) =>
    typeof value === "number" ? sink.string(String(value)) : encodeStrings(sink, value),
  );
  return sink.bytes();
}

export function decodeExportHeader(payload: Uint8Array): ExportHeader | undefined {
  const fields = decodedMap(decode(payload));
  if (fields?.size !== 5) return undefined;
  const roots = paths(fields.get("roots"));
  const needs = paths(fields.get("needs"));
  const objects = count(fields.get("objects"));
  const bytes = count(fields.get("bytes"));
  const knowledge = count(fields.get("knowledge"));
  if (roots === undefined || needs === undefined) return undefined;
  if (objects === undefined || objects > MOST_OBJECTS || bytes === undefined || knowledge === undefined)
    return undefined;
  return { roots, needs, objects, bytes, knowledge };
}

export function encodeExportedRealisation({ key, path }: Realisation): Uint8Array {
  const sink = byteSink();
  encodeStrings(sink, [key, path]);
  return sink.bytes();
}

export function decodeExportedRealisation(payload: Uint8Array): Realisation | undefined {
  const [key, text, ...rest] = decodedStrings(decode(payload)) ?? [];
  const path = parseStorePath(text ?? "");
  if (key === undefined || !isRealisationKey(key) || path._tag === "Left" || rest.length > 0) return undefined;
  return { key, path: path.right };
}

/** A list without an entry that stands there twice. */
function paths(value: Decoded | undefined): readonly StorePath[] | undefined {
  const distinct = new Set<StorePath>();
  const texts = decodedStrings(value);
  if (texts === undefined) return undefined;
  for (const text of texts) {
    const path = parseStorePath(text);
    if (path._tag === "Left") return undefined;
    distinct.add(path.right);
  }
  return distinct.size === texts.length ? [...distinct] : undefined;
}

function count(value: Decoded | undefined): number | undefined {
  const text = decodedString(value);
  if (text === undefined || !/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  return Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}
