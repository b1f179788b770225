/**
 * Byte strings as core needs them: UTF-8, hexadecimal, order. Written out because core also runs in the evaluator's
 * realm, which has neither `Buffer` nor `TextEncoder`.
 */

/** Orders by unsigned bytes, as `memcmp` does; a prefix comes first. Equal strings give 0. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * Orders strings by their UTF-8 bytes. JavaScript's own order is by UTF-16 units, which differs beyond the BMP:
 * there a surrogate (0xd800–0xdfff) must come after every other unit.
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xIsSurrogate = (x & 0xf800) === 0xd800;
    const yIsSurrogate = (y & 0xf800) === 0xd800;
    return xIsSurrogate === yIsSurrogate ? x - y : xIsSurrogate ? 1 : -1;
  }
  return a.length - b.length;
}

/** A record's keys in the order in which they are hashed. */
export const sortedKeys = (record: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(record).sort(compareUtf8);

/** Writes `text` as UTF-8 at `offset` and returns the offset behind it. A lone surrogate becomes U+FFFD, as everywhere. */
export function writeUtf8(text: string, into: Uint8Array, offset: number): number {
  let at = offset;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      into[at++] = code;
      continue;
    }
    if ((code & 0xf800) === 0xd800) {
      const low = code < 0xdc00 ? text.charCodeAt(i + 1) : Number.NaN;
      if (low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        i++;
      } else {
        code = 0xfffd;
      }
    }
    if (code < 0x800) {
      into[at++] = 0xc0 | (code >> 6);
    } else {
      if (code < 0x10000) {
        into[at++] = 0xe0 | (code >> 12);
      } else {
        into[at++] = 0xf0 | (code >> 18);
        into[at++] = 0x80 | ((code >> 12) & 0x3f);
      }
      into[at++] = 0x80 | ((code >> 6) & 0x3f);
    }
    into[at++] = 0x80 | (code & 0x3f);
  }
  return at;
}

/** The number of bytes that `writeUtf8` writes. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    length += code < 0x800 ? 1 : 2;
    const isPair = (code & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    // Two units, four bytes.
    if (isPair) i++;
  }
  return length;
}

/** The number of bytes that `writeUtf8` writes at most. */
export const maxUtf8Length = (text: string): number => text.length * 3;

export function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(maxUtf8Length(text));
  return bytes.slice(0, writeUtf8(text, bytes, 0));
}

/** Decodes strictly: overlong forms, surrogates and stray bytes give `undefined` instead of U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  let text = "";
  let i = 0;
  while (i < bytes.length) {
    const first = bytes[i++] as number;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const length = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || i + length > bytes.length) return undefined;
    let code = first & (0x3f >> length);
    for (let k = 0; k < length; k++) {
      const next = bytes[i++] as number;
      if ((next & 0xc0) !== 0x80) return undefined;
      code = (code << 6) | (next & 0x3f);
    }
    const least = length === 1 ? 0x80 : length === 2 ? 0x800 : 0x10000;
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
    text += String.fromCodePoint(code);
  }
  return text;
}

/** Characters that a terminal would obey instead of printing, and the backslash that stands for them here. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\\\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** A file's name or path as it can be shown to a person, whoever chose it: one line, control characters and bytes that are not UTF-8 escaped. */
export function printable(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text === undefined) {
    let escaped = "";
    for (const byte of bytes) {
      escaped +=
        byte < 0x20 || byte > 0x7e || byte === 0x5c ? `\\x${toHex(Uint8Array.of(byte))}` : String.fromCharCode(byte);
    }
    return escaped;
  }
  return text.replace(UNPRINTABLE, (character) => {
    if (character === "\\") return "\\\\";
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/** More at once would overflow the stack. */
const CHARACTERS_AT_ONCE = 4096;

/** Bytes as a string of one character each. */
export function binaryString(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE) {
    // Spreading would go through an iterator, at ten times the cost.
    text += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + CHARACTERS_AT_ONCE));
  }
  return text;
}

/** The other way round. */
export const bytesOfBinary = (text: string): Uint8Array =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

const HEX = "0123456789abcdef";

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (HEX[byte >> 4] as string) + (HEX[byte & 15] as string);
  return text;
}

/** The first `count` bytes of what is known to be lower-case hexadecimal. */
export function bytesOfHex(text: string, count: number): Uint8Array {
  const digit = (i: number): number => {
    const code = text.charCodeAt(i);
    return code < 58 ? code - 48 : code - 87;
  };
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i++) bytes[i] = (digit(2 * i) << 4) | digit(2 * i + 1);
  return bytes;
}

/** Lower-case hexadecimal only; anything else gives `undefined`. */
export function fromHex(text: string): Uint8Array | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]*$/.test(text) ? bytesOfHex(text, text.length / 2) : undefined;
}
