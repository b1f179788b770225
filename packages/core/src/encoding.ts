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
import { compareUtf8, decodeUtf8, maxUtf8Length, sortedKeys, utf8, writeUtf8 } from "./bytes.ts";

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

export type Decoded = null | Uint8Array | readonly Decoded[] | ReadonlyMap<string, Decoded>;

/** Depth to which hostile input may nest; what cab writes nests to four. */
const MAX_DEPTH = 32;

/** Reads exactly one value; anything that the encoder would not have written gives `undefined`. */
export function decode(bytes: Uint8Array): Decoded | undefined {
  const reader = valueReader(bytes);
  const decoded = reader.value(0);
  return reader.atEnd() ? decoded : undefined;
}

/** The items of a list, each read when it is asked for; `undefined` where the encoder would not have written what follows. */
export function* decodeItems(bytes: Uint8Array): Generator<Decoded | undefined, undefined> {
  const reader = valueReader(bytes);
  const count = reader.listHead();
  for (let i = 0; i < (count ?? 0); i++) yield reader.value(1);
  if (count === undefined || !reader.atEnd()) yield undefined;
}

function valueReader(bytes: Uint8Array) {
  let at = 0;
  const number = (): number | undefined => {
    let value = 0;
    const start = at;
    while (at < bytes.length && at - start < 11) {
      const digit = (bytes[at] as number) - 48;
      if (digit === 10) break;
      if (digit < 0 || digit > 9) return undefined;
      value = value * 10 + digit;
      at++;
    }
    const leadingZero = bytes[start] === 48 && at - start > 1;
    if (bytes[at] !== 58 || at === start || leadingZero) return undefined;
    at++;
    return value;
  };
  const value = (depth: number): Decoded | undefined => {
    const head = bytes[at];
    if (head === undefined || depth > MAX_DEPTH) return undefined;
    if (head === 110) {
      at++;
      return null;
    }
    const nested = head === 108 || head === 109;
    if (nested) at++;
    const count = number();
    // Every element takes at least one byte, which bounds what a forged count can make us allocate.
    if (count === undefined || count > bytes.length - at) return undefined;
    if (head === 108) {
      const items: Decoded[] = [];
      for (let i = 0; i < count; i++) {
        const item = value(depth + 1);
        if (item === undefined) return undefined;
        items.push(item);
      }
      return items;
    }
    if (head === 109) {
      const entries = new Map<string, Decoded>();
      let previous: string | undefined;
      for (let i = 0; i < count; i++) {
        const rawKey = value(depth + 1);
        const key = rawKey instanceof Uint8Array ? decodeUtf8(rawKey) : undefined;
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
    if (bytes[at] !== 108) return undefined;
    at++;
    return number();
  };
  return { value, listHead, atEnd: () => at === bytes.length };
}

export const decodedString = (value: Decoded | undefined): string | undefined =>
  value instanceof Uint8Array ? decodeUtf8(value) : undefined;

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

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
