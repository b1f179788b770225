/**
 * The canonical encoding of everything that is hashed or kept as a record.
 *
 * A value is written to a sink, which is what makes one encoder serve two ends: the byte sink yields what is hashed and
 * stored, the text sink what a person reads and compares. Grammar of the bytes (no other form is accepted back):
 *
 *     string = decimal length ":" bytes          "5:hello"
 *     null   = "n"
 *     list   = "l" decimal count ":" values      "l2:1:a1:b"
 *     map    = "m" decimal count ":" (string value)*, keys strictly ascending by their UTF-8 bytes
 */
import {
  binaryString,
  bytesOfBinary,
  compareUtf8,
  decodeUtf8,
  maxUtf8Length,
  sortedKeys,
  utf8,
  utf8Length,
  writeUtf8,
} from "./bytes.ts";

export interface Sink {
  /** Names the value that comes next, for a reader; never part of the bytes. */
  readonly field: (name: string) => void;
  readonly string: (value: string | Uint8Array) => void;
  readonly null: () => void;
  readonly list: (count: number) => void;
  readonly map: (count: number) => void;
}

export const encodeStrings = (sink: Sink, values: readonly string[]): void => {
  sink.list(values.length);
  for (const value of values) sink.string(value);
};

/** Writes a map with its keys in canonical order. */
export function encodeMap<A>(sink: Sink, record: Readonly<Record<string, A>>, encode: (value: A) => void): void {
  const keys = sortedKeys(record);
  sink.map(keys.length);
  for (const key of keys) {
    sink.string(key);
    encode(record[key] as A);
  }
}

/** Collects the canonical bytes. */
export function byteSink(): Sink & { readonly bytes: () => Uint8Array } {
  let buffer = new Uint8Array(1024);
  let length = 0;
  const reserve = (more: number): void => {
    if (length + more <= buffer.length) return;
    const larger = new Uint8Array(Math.max(buffer.length * 2, length + more));
    larger.set(buffer.subarray(0, length));
    buffer = larger;
  };
  const ascii = (text: string): void => {
    reserve(text.length);
    for (let i = 0; i < text.length; i++) buffer[length++] = text.charCodeAt(i);
  };
  return {
    field: () => {},
    string: (value) => {
      const bytes = typeof value === "string" && !isAscii(value) ? utf8(value) : value;
      ascii(`${bytes.length}:`);
      reserve(typeof bytes === "string" ? maxUtf8Length(bytes) : bytes.length);
      if (typeof bytes === "string") {
        length = writeUtf8(bytes, buffer, length);
      } else {
        buffer.set(bytes, length);
        length += bytes.length;
      }
    },
    null: () => ascii("n"),
    list: (count) => ascii(`l${count}:`),
    map: (count) => ascii(`m${count}:`),
    bytes: () => buffer.slice(0, length),
  };
}

/**
 * Collects the canonical bytes as the string whose UTF-8 they are. For derivations this takes a third of the byte sink's
 * time and half its memory; a value of raw bytes it cannot hold.
 */
export function stringSink(): Sink & { readonly encoded: () => string } {
  let encoded = "";
  return {
    field: () => {},
    string: (value) => {
      if (typeof value !== "string") throw new Error("BUG: raw bytes are no part of a string");
      encoded += isAscii(value) ? `${value.length}:${value}` : `${utf8Length(value)}:${value.toWellFormed()}`;
    },
    null: () => {
      encoded += "n";
    },
    list: (count) => {
      encoded += `l${count}:`;
    },
    map: (count) => {
      encoded += `m${count}:`;
    },
    encoded: () => encoded,
  };
}

/** One line a value, indented by depth: what `cab eval` prints and what two derivations are compared by. */
export function textSink(): Sink & { readonly text: () => string } {
  const lines: string[] = [];
  const open: { left: number; isMap: boolean; atKey: boolean }[] = [];
  let label = "";
  const close = (): void => {
    let top = open.at(-1);
    while (top !== undefined && top.left === 0) {
      open.pop();
      top = open.at(-1);
    }
  };
  const emit = (value: string): void => {
    const top = open.at(-1);
    if (top?.isMap && top.atKey) {
      label = `${value} = `;
      top.atKey = false;
      return;
    }
    lines.push(`${"  ".repeat(open.length)}${label}${value}`);
    label = "";
    if (top === undefined) return;
    top.left--;
    top.atKey = top.isMap;
    close();
  };
  const nest = (count: number, isMap: boolean, empty: string): void => {
    if (count === 0) {
      emit(empty);
      return;
    }
    lines.push(`${"  ".repeat(open.length)}${label}`.trimEnd());
    label = "";
    const parent = open.at(-1);
    if (parent !== undefined) {
      parent.left--;
      parent.atKey = parent.isMap;
    }
    open.push({ left: count, isMap, atKey: isMap });
  };
  return {
    field: (name) => {
      label = `${name}: `;
    },
    string: (value) => emit(JSON.stringify(typeof value === "string" ? value : (decodeUtf8(value) ?? "(bytes)"))),
    null: () => emit("null"),
    list: (count) => nest(count, false, "[]"),
    map: (count) => nest(count, true, "{}"),
    text: () => `${lines.join("\n")}\n`,
  };
}

/** A string is decoded to its bytes, as a string of one character each: V8 slices those without copying. */
export type Decoded = null | string | readonly Decoded[] | ReadonlyMap<string, Decoded>;

/** Depth to which hostile input may nest; what cab writes nests to four. */
const MAX_DEPTH = 32;

/** Reads exactly one value; anything that the encoder would not have written gives `undefined`. */
export const decode = (bytes: Uint8Array): Decoded | undefined => decodeBinary(binaryString(bytes));

/** The same of bytes as a string of one character each. */
export function decodeBinary(bytes: string): Decoded | undefined {
  const reader = valueReader(bytes);
  const decoded = reader.value(0);
  return reader.atEnd() ? decoded : undefined;
}

/**
 * The items of a list, each read when it is asked for; `undefined` where the encoder would not have written what follows.
 * Takes bytes as a string of one character each.
 */
export function* decodeItems(bytes: string): Generator<Decoded | undefined, undefined> {
  const reader = valueReader(bytes);
  const count = reader.listHead();
  for (let i = 0; i < (count ?? 0); i++) yield reader.value(1);
  if (count === undefined || !reader.atEnd()) yield undefined;
}

function valueReader(bytes: string) {
  let at = 0;
  const number = (): number | undefined => {
    let value = 0;
    const start = at;
    while (at < bytes.length && at - start < 11) {
      const digit = bytes.charCodeAt(at) - 48;
      if (digit === 10) break;
      if (digit < 0 || digit > 9) return undefined;
      value = value * 10 + digit;
      at++;
    }
    const leadingZero = bytes[start] === "0" && at - start > 1;
    if (bytes[at] !== ":" || at === start || leadingZero) return undefined;
    at++;
    return value;
  };
  const value = (depth: number): Decoded | undefined => {
    const head = bytes[at];
    if (head === undefined || depth > MAX_DEPTH) return undefined;
    if (head === "n") {
      at++;
      return null;
    }
    if (head === "l" || head === "m") at++;
    const count = number();
    // Every element takes at least one byte, which bounds what a forged count can make us allocate.
    if (count === undefined || count > bytes.length - at) return undefined;
    if (head === "l") {
      const items: Decoded[] = [];
      for (let i = 0; i < count; i++) {
        const item = value(depth + 1);
        if (item === undefined) return undefined;
        items.push(item);
      }
      return items;
    }
    if (head === "m") {
      const entries = new Map<string, Decoded>();
      let previous: string | undefined;
      for (let i = 0; i < count; i++) {
        const key = decodedString(value(depth + 1));
        const item = key === undefined ? undefined : value(depth + 1);
        if (key === undefined || item === undefined) return undefined;
        if (previous !== undefined && compareUtf8(previous, key) >= 0) return undefined;
        entries.set(key, item);
        previous = key;
      }
      return entries;
    }
    at += count;
    return bytes.slice(at - count, at);
  };
  const listHead = (): number | undefined => {
    if (bytes[at] !== "l") return undefined;
    at++;
    return number();
  };
  return { value, listHead, atEnd: () => at === bytes.length };
}

export const decodedString = (value: Decoded | undefined): string | undefined =>
  typeof value !== "string" ? undefined : isAscii(value) ? value : decodeUtf8(bytesOfBinary(value));

export const decodedList = (value: Decoded | undefined): readonly Decoded[] | undefined =>
  Array.isArray(value) ? (value as readonly Decoded[]) : undefined;

export const decodedMap = (value: Decoded | undefined): ReadonlyMap<string, Decoded> | undefined =>
  value instanceof Map ? value : undefined;

export function decodedStrings(value: Decoded | undefined): string[] | undefined {
  const strings: string[] = [];
  for (const item of decodedList(value) ?? [undefined]) {
    const text = decodedString(item);
    if (text === undefined) return undefined;
    strings.push(text);
  }
  return strings;
}

const BEYOND_ASCII = /[\u0080-\uffff]/;

/** By a pattern, which V8 compiles at its first use; a loop of ours would still be interpreted when most is done. */
const isAscii = (text: string): boolean => !BEYOND_ASCII.test(text);
