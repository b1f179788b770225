/**
 * The memo of evaluations: which derivations a request gave, under what was really read for it. A record is a small
 * text; the graph and the pins are values of their own under their digests, so that a hit does not read them. All
 * are sealed with a checksum. Knows nothing of how an evaluation is made. Whatever is damaged or foreign counts as absent.
 */
import type { WorkspaceSettings } from "@cab/core";
import type { Notice } from "./failure.ts";
import type { Listing, Read } from "./stamps.ts";

/** Where memos are kept. Neither function fails: what cannot be read is absent, what cannot be written is forgone. */
export interface MemoStore {
  /** Keys are made of letters, digits, `-` and `.`. */
  readonly get: (key: string) => Uint8Array | undefined;
  readonly put: (key: string, value: Uint8Array) => void | Promise<void>;
}

export interface Root {
  readonly name: string;
  /** A DrvHash. */
  readonly drv: string;
}

export interface MemoRecord {
  /** In the order of the names in the key. */
  readonly roots: readonly Root[];
  readonly settings: WorkspaceSettings;
  readonly notices: readonly Notice[];
  /** Digest of the graph's bytes, a value of its own. */
  readonly graph: string;
  readonly reads: readonly Read[];
  /** The lock files, of which only the used pins count. */
  readonly locks: readonly Read[];
  /** Digest of the used pins, a value of its own: looked at only when a lock file's stamp has moved. */
  readonly pins: string;
}

/** Everything that an evaluation depends on and that is not read from a file. */
export interface MemoKey {
  readonly roots: readonly string[];
  readonly names: readonly string[];
  readonly platform: string;
  readonly coreEntry: string;
  readonly cab: string;
  readonly types: "checked" | "unchecked";
  readonly node: string;
}

/** Changes when the layout of a record does, or the meaning of a read's state. */
const FORMAT = "cab-memo@4";

const keyText = ({ roots, names, platform, coreEntry, cab, types, node }: MemoKey): string =>
  JSON.stringify([FORMAT, roots, names, platform, coreEntry, cab, types, node]);

const recordName = (key: MemoKey): string => `${fingerprint(Buffer.from(keyText(key)))}.record`;

export function recall(store: MemoStore, key: MemoKey): MemoRecord | undefined {
  const text = openSealed(store.get(recordName(key)))?.toString() ?? "";
  const wanted = keyText(key);
  // The key stands in the record itself: its fingerprint in the name may collide.
  if (!text.startsWith(`${wanted}\n`)) return undefined;
  const { reads, locks, ...rest } = JSON.parse(text.slice(wanted.length + 1)) as Stored;
  return { ...rest, reads: reads.map(fromStored), locks: locks.map(fromStored) };
}

type StoredRead = readonly [path: string, listing: Listing, stamp: string | null, state: string];
type Stored = Omit<MemoRecord, "reads" | "locks"> & {
  readonly reads: readonly StoredRead[];
  readonly locks: readonly StoredRead[];
};

const fromStored = ([path, listing, stamp, state]: StoredRead): Read => ({ path, listing, stamp, state });
const toStored = ({ path, listing, stamp, state }: Read): StoredRead => [path, listing, stamp, state];

export async function remember(store: MemoStore, key: MemoKey, record: MemoRecord): Promise<void> {
  const stored: Stored = { ...record, reads: record.reads.map(toStored), locks: record.locks.map(toStored) };
  await store.put(recordName(key), sealed(Buffer.from(`${keyText(key)}\n${JSON.stringify(stored)}`)));
}

/** What a record names by its digest. */
export type MemoValue = "graph" | "pins";

/** Keeps a value and gives its digest, a hexadecimal SHA-256. */
export async function rememberValue(store: MemoStore, kind: MemoValue, value: Uint8Array): Promise<string> {
  const { hash } = await import("node:crypto");
  const digest = hash("sha256", value, "hex");
  await store.put(`${digest}.${kind}`, sealed(value));
  return digest;
}

export const recallValue = (store: MemoStore, kind: MemoValue, digest: string): Uint8Array | undefined =>
  openSealed(store.get(`${digest}.${kind}`));

const FINGERPRINT_LENGTH = 16;

export const sealed = (payload: Uint8Array): Buffer => Buffer.concat([Buffer.from(fingerprint(payload)), payload]);

/** What was sealed; undefined if it is not that any more. */
export function openSealed(bytes: Uint8Array | undefined): Buffer | undefined {
  if (bytes === undefined) return undefined;
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const payload = whole.subarray(FINGERPRINT_LENGTH);
  return whole.toString("latin1", 0, FINGERPRINT_LENGTH) === fingerprint(payload) ? payload : undefined;
}

/**
 * 64 bits of some bytes: two FNV-1a lanes over words of four, with a final mix (MurmurHash3's). Finds damage and spreads
 * names; never trusted for identity. Written out because loading `node:crypto` costs a hit 4 ms.
 */
export function fingerprint(bytes: Uint8Array): string {
  const words = wordsOf(bytes);
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  // By index: three times as fast as `for … of`.
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul(b ^ word, 0x85ebca6b);
  }
  // Zeros fill the last word; the length, behind it, tells them from zeros that were there.
  let last = 0;
  for (let i = bytes.length & ~3; i < bytes.length; i++) last |= (bytes[i] as number) << (8 * (i & 3));
  for (const word of [last, bytes.length]) {
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul(b ^ word, 0x85ebca6b);
  }
  const mix = (lane: number): number => {
    const once = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
    const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
    return (twice ^ (twice >>> 16)) >>> 0;
  };
  const hex = (lane: number): string => mix(lane).toString(16).padStart(8, "0");
  return hex(a) + hex(a ^ b);
}

/** All whole words of four bytes; a graph of 100,000 derivations is 80 MB, and copied only if it lies askew. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(aligned.buffer, aligned.byteOffset, bytes.length >> 2);
}
