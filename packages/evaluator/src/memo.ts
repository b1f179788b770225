/**
 * The memo of evaluations: which derivations a request gave, under what was really read for it. A record is a small
 * text with a checksum; the graph is a value of its own under its digest, so that a hit that needs only the roots does
 * not read it. Knows nothing of how an evaluation is made. Whatever is damaged or foreign counts as absent.
 */
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
  readonly notices: readonly Notice[];
  /** Hexadecimal SHA-256 of the graph's bytes. */
  readonly graph: string;
  readonly reads: readonly Read[];
}

/** Everything that an evaluation depends on and that is not read from a file. */
export interface MemoKey {
  readonly roots: readonly string[];
  readonly names: readonly string[];
  readonly platform: string;
  readonly coreEntry: string;
  readonly cab: string;
  readonly node: string;
}

/** Changes when the layout of a record does, or the meaning of a read's state. */
const FORMAT = "cab-memo@1";

const keyText = ({ roots, names, platform, coreEntry, cab, node }: MemoKey): string =>
  JSON.stringify([FORMAT, roots, names, platform, coreEntry, cab, node]);

const recordName = (key: MemoKey): string => `${fingerprint(keyText(key))}.record`;
const graphName = (digest: string): string => `${digest}.graph`;

export function recall(store: MemoStore, key: MemoKey): MemoRecord | undefined {
  const bytes = store.get(recordName(key));
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  const [checksum, wanted] = text.split("\n", 2) as [string, string | undefined];
  // The key stands in the record itself: its fingerprint in the name may collide.
  if (wanted !== keyText(key) || fingerprint(text.slice(checksum.length + 1)) !== checksum) return undefined;
  const { roots, notices, graph, reads } = JSON.parse(text.slice(checksum.length + wanted.length + 2)) as Stored;
  return {
    roots,
    notices,
    graph,
    reads: reads.map(([path, listing, stamp, state]) => ({ path, listing, stamp, state })),
  };
}

type Stored = Omit<MemoRecord, "reads"> & { readonly reads: readonly [string, Listing, string | null, string][] };

export async function remember(store: MemoStore, key: MemoKey, record: MemoRecord): Promise<void> {
  const reads = record.reads.map(({ path, listing, stamp, state }) => [path, listing, stamp, state]);
  const body = `${keyText(key)}\n${JSON.stringify({ ...record, reads })}`;
  await store.put(recordName(key), Buffer.from(`${fingerprint(body)}\n${body}`));
}

/** Keeps a graph and gives its digest. */
export async function rememberGraph(store: MemoStore, graph: Uint8Array): Promise<string> {
  const { hash } = await import("node:crypto");
  const digest = hash("sha256", graph, "hex");
  await store.put(graphName(digest), graph);
  return digest;
}

export async function recallGraph(store: MemoStore, digest: string): Promise<Uint8Array | undefined> {
  const bytes = store.get(graphName(digest));
  if (bytes === undefined) return undefined;
  const { hash } = await import("node:crypto");
  return hash("sha256", bytes, "hex") === digest ? bytes : undefined;
}

/**
 * 64 bits of a text, two FNV-1a lanes with a final mix (MurmurHash3's). Finds damage and spreads names; never trusted
 * for identity. Written out because loading `node:crypto` costs a hit 4 ms.
 */
function fingerprint(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
  }
  const mix = (lane: number): number => {
    const once = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
    const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
    return (twice ^ (twice >>> 16)) >>> 0;
  };
  const hex = (lane: number): string => mix(lane).toString(16).padStart(8, "0");
  return hex(a) + hex(a ^ b);
}
