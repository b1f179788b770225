/**
 * Who refers to whom among all objects, as numbers: what is alive, and in which order the rest can go. Knows records of
 * the objects' table; neither roots nor files.
 *
 * A store may hold half a million objects, and is to be marked in 2 s: the table is read once, fields are found without
 * decoding, and an object is a number, its place in the table. A hash part is compared by its first 10 characters, which
 * are 50 bits and so fit a number; they ascend as the table does. Objects that share them live or die together.
 */
import { BASE32_ALPHABET, type RecordSkim, STORE_DIR, type StorePath, skimObjectRecord } from "@cab/core";
import type { Tables } from "./database.ts";
import { StoreException } from "./failure.ts";

/** Characters, of 5 bits each, in each half of a number. */
const HALF = 5;

const VALUES = new Uint8Array(256);
for (let i = 0; i < BASE32_ALPHABET.length; i++) VALUES[BASE32_ALPHABET.charCodeAt(i)] = i;

/** The number of the hash part that begins at `at`. */
function prefixAt(bytes: Uint8Array, at: number): number {
  let high = 0;
  let low = 0;
  for (let i = 0; i < HALF; i++) {
    high = high * 32 + (VALUES[bytes[at + i] as number] as number);
    low = low * 32 + (VALUES[bytes[at + HALF + i] as number] as number);
  }
  return high * 32 ** HALF + low;
}

export interface ObjectGraph {
  /** Base names of all objects, in ascending order. */
  readonly names: readonly string[];
  /** By an object's place in `names`, whether something that `roots` name is it or refers to it. */
  readonly reached: (roots: Iterable<StorePath>) => Uint8Array;
  /** What is not reached, each object after all those that refer to it. */
  readonly referrersFirst: (reached: Uint8Array) => StorePath[];
}

export function readObjectGraph(tables: Tables): ObjectGraph {
  const names: string[] = [];
  const prefixes: number[] = [];
  const referenced: number[] = [];
  const starts: number[] = [];
  for (const { key, record } of tables.objects()) {
    const skim = soundSkim(key, record);
    names.push(key);
    prefixes.push(prefixAt(record, skim.hash));
    starts.push(referenced.length);
    for (const reference of skim.references) referenced.push(prefixAt(record, reference));
  }
  starts.push(referenced.length);
  const sorted = Float64Array.from(prefixes);
  const edges = new Int32Array(referenced.length);
  for (let object = 0; object < names.length; object++) {
    for (let i = starts[object] as number; i < (starts[object + 1] as number); i++) {
      edges[i] = placeOf(sorted, referenced[i] as number);
      // A valid object refers to valid ones only, so one of the two records is not what was written.
      if (edges[i] === -1) throw damaged(names[object] as string);
    }
  }
  return graphOf(names, sorted, { starts: Int32Array.from(starts), edges });
}

function soundSkim(key: string, record: Buffer): RecordSkim {
  const skim = skimObjectRecord(record);
  if (skim === undefined) throw damaged(key);
  return skim;
}

const damaged = (key: string): StoreException => new StoreException({ _tag: "StoreDamaged", table: "objects", key });

/**
 * The first place of a number among ascending ones; -1 if it is not there. By interpolation, since hashes are spread
 * evenly: two or three steps among half a million.
 */
function placeOf(sorted: Float64Array, wanted: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const [first, last] = [sorted[low] as number, sorted[high] as number];
    if (wanted < first || wanted > last) return -1;
    let middle = last === first ? low : low + Math.floor(((wanted - first) / (last - first)) * (high - low));
    if (sorted[middle] === wanted) {
      while (middle > 0 && sorted[middle - 1] === wanted) middle--;
      return middle;
    }
    if ((sorted[middle] as number) < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

interface Edges {
  /** Where the references of each object begin in `edges`; one more, for the end. */
  readonly starts: Int32Array;
  /** The first object with the prefix that is referred to. */
  readonly edges: Int32Array;
}

function graphOf(names: readonly string[], sorted: Float64Array, { starts, edges }: Edges): ObjectGraph {
  const reached = (roots: Iterable<StorePath>): Uint8Array => {
    const marks = new Uint8Array(names.length);
    const stack: number[] = [];
    const enter = (first: number): void => {
      for (let twin = first; sorted[twin] === sorted[first] && marks[twin] === 0; twin++) {
        marks[twin] = 1;
        stack.push(twin);
      }
    };
    for (const root of roots) {
      const place = placeOf(sorted, prefixAt(Buffer.from(root, "latin1"), STORE_DIR.length + 1));
      if (place !== -1) enter(place);
    }
    for (let object = stack.pop(); object !== undefined; object = stack.pop()) {
      for (let i = starts[object] as number; i < (starts[object + 1] as number); i++) enter(edges[i] as number);
    }
    return marks;
  };

  const referrersFirst = (marks: Uint8Array): StorePath[] => {
    const waitsFor = new Int32Array(names.length);
    const count = (object: number, change: number): number => {
      const left = (waitsFor[object] as number) + change;
      waitsFor[object] = left;
      return left;
    };
    for (let object = 0; object < names.length; object++) {
      if (marks[object] === 1) continue;
      for (let i = starts[object] as number; i < (starts[object + 1] as number); i++) count(edges[i] as number, 1);
    }
    const order: number[] = [];
    for (let object = 0; object < names.length; object++) {
      if (marks[object] === 0 && waitsFor[object] === 0) order.push(object);
    }
    for (let at = 0; at < order.length; at++) {
      const object = order[at] as number;
      for (let i = starts[object] as number; i < (starts[object + 1] as number); i++) {
        const reference = edges[i] as number;
        if (count(reference, -1) === 0 && marks[reference] === 0) order.push(reference);
      }
    }
    return order.map((object) => `${STORE_DIR}/${names[object]}` as StorePath);
  };

  return { names, reached, referrersFirst };
}
