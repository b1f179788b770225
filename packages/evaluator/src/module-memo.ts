/**
 * Remembers modules as they were transformed, so that an edit transforms one module and starts no bundler for the others.
 * One value holds all of a workspace's: reading a thousand files would cost more than it saves. Knows nothing of how a
 * module is transformed. Several processes may write it; the last one wins, and what it lacks is transformed again.
 */
import { fingerprint, type MemoStore, openSealed, sealed } from "./memo.ts";
import type { Read } from "./stamps.ts";

/** A text made of files, and those files as they were then. */
export interface TransformedModule {
  readonly reads: readonly Read[];
  readonly code: string;
}

export interface ModuleMemo {
  readonly get: (name: string) => TransformedModule | undefined;
  /** What an evaluation used, by name. Written if any of it is not what `get` gave. */
  readonly keep: (used: ReadonlyMap<string, TransformedModule>) => void | Promise<void>;
}

export interface ModuleMemoKey {
  /** The workspaces, with their folders. */
  readonly roots: readonly string[];
  /** The module that is core. */
  readonly coreEntry: string;
  /** This build of cab, its bundler included. */
  readonly cab: string;
}

const FORMAT = "cab-modules@1";

/** Bytes of text above which modules that an evaluation did not use are forgotten. */
const GENEROUS = 32 * 2 ** 20;

/** In the head of the value; the texts follow one another behind it. */
type Entry = readonly [name: string, reads: TransformedModule["reads"], bytes: number];

export function moduleMemo(store: MemoStore, { roots, coreEntry, cab }: ModuleMemoKey): ModuleMemo {
  const key = JSON.stringify([FORMAT, roots, coreEntry, cab]);
  const name = `${fingerprint(Buffer.from(key))}.modules`;
  const entries = entriesOf(openSealed(store.get(name)), key);
  const known = new Map<string, TransformedModule>();
  const get = (module: string): TransformedModule | undefined => {
    const entry = entries.get(module);
    if (entry === undefined) return undefined;
    const found = known.get(module) ?? { reads: entry.reads, code: entry.text.toString() };
    known.set(module, found);
    return found;
  };
  return {
    get,
    keep: (used) => {
      if ([...used].every(([module, transformed]) => known.get(module) === transformed)) return;
      const texts = new Map<string, TextEntry>();
      for (const [module, { reads, code }] of used) texts.set(module, { reads, text: Buffer.from(code) });
      let total = [...texts.values()].reduce((sum, { text }) => sum + text.length, 0);
      for (const [module, entry] of entries) {
        if (texts.has(module) || total + entry.text.length > GENEROUS) continue;
        texts.set(module, entry);
        total += entry.text.length;
      }
      return store.put(name, encoded(key, texts));
    },
  };
}

interface TextEntry {
  readonly reads: TransformedModule["reads"];
  readonly text: Buffer;
}

function encoded(key: string, texts: ReadonlyMap<string, TextEntry>): Buffer {
  const entries = [...texts].map(([name, { reads, text }]): Entry => [name, reads, text.length]);
  const head = Buffer.from(`${key}\n${JSON.stringify(entries)}\n`);
  return sealed(Buffer.concat([head, ...[...texts.values()].map(({ text }) => text)]));
}

/** The key stands in the value itself: its fingerprint in the name may collide. */
function entriesOf(value: Buffer | undefined, key: string): Map<string, TextEntry> {
  const texts = new Map<string, TextEntry>();
  const headStart = Buffer.byteLength(key) + 1;
  if (value?.toString("utf8", 0, headStart) !== `${key}\n`) return texts;
  const headEnd = value.indexOf("\n", headStart);
  let at = headEnd + 1;
  for (const [name, reads, bytes] of JSON.parse(value.toString("utf8", headStart, headEnd)) as Entry[]) {
    texts.set(name, { reads, text: value.subarray(at, at + bytes) });
    at += bytes;
  }
  return texts;
}
