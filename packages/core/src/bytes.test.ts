import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  compareBytes,
  compareUtf8,
  decodeUtf8,
  fromHex,
  maxUtf8Length,
  printable,
  sortedKeys,
  toHex,
  utf8,
  utf8Length,
} from "./bytes.ts";

/** Any Unicode text, with much of what is hard about it. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom(
      "a",
      "\u007f",
      "\u0080",
      "\u07ff",
      "\u0800",
      "\ud7ff",
      "\ue000",
      "\uffff",
      "😀",
      "\u{10ffff}",
    ),
  }),
);
const bytes = fc.uint8Array({ maxLength: 40 });
const sign = (n: number): number => Math.sign(n);

describe("UTF-8", () => {
  test("is written as Buffer writes it, lone surrogates included", () =>
    fc.assert(
      fc.property(
        fc.oneof(text, fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) })),
        (s) => {
          expect(Buffer.from(utf8(s))).toEqual(Buffer.from(s, "utf8"));
          expect(utf8Length(s)).toBe(Buffer.byteLength(s));
          expect(utf8(s).length).toBeLessThanOrEqual(maxUtf8Length(s));
        },
      ),
    ));

  test("is read back, and read as a strict TextDecoder reads it", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          fc
            .array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xa0, 0xf0, 0xf4, 0x90))
            .map((list) => Uint8Array.from(list)),
        ),
        text,
        (raw, s) => {
          expect(decodeUtf8(utf8(s))).toBe(s);
          expect(decodeUtf8(raw)).toBe(strictly(raw));
        },
      ),
      { numRuns: 2000 },
    ));
});

function strictly(raw: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
  } catch (e) {
    if (e instanceof TypeError) return undefined;
    throw e;
  }
}

describe("order", () => {
  test("of bytes is Buffer.compare's", () =>
    fc.assert(fc.property(bytes, bytes, (a, b) => void expect(sign(compareBytes(a, b))).toBe(Buffer.compare(a, b)))));

  test("of strings is that of their UTF-8", () =>
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    ));

  test("of keys differs from JavaScript's beyond the basic plane", () => {
    expect(sortedKeys({ "😀": 0, "\uffff": 0, b: 0, a: 0 })).toEqual(["a", "b", "\uffff", "😀"]);
  });
});

test("hexadecimal is lower case, and reads back", () =>
  fc.assert(
    fc.property(bytes, (raw) => {
      expect(toHex(raw)).toBe(Buffer.from(raw).toString("hex"));
      expect(fromHex(toHex(raw))).toEqual(raw);
    }),
  ));

test.each(["0", "0G", "AB", " a", "é0", "-1", "0x"])("%j is no hexadecimal", (wrong) => {
  expect(fromHex(wrong)).toBeUndefined();
});

describe("what is shown to a person", () => {
  test.each<[string, Uint8Array, string]>([
    ["plain text stays", utf8("bin/slapd é 😀"), "bin/slapd é 😀"],
    ["nothing moves the cursor or colours", utf8("a\nb\x1b[31m\x9b\x7f\u202e"), "a\\x0ab\\x1b[31m\\x9b\\x7f\\u202e"],
    ["a backslash cannot pretend", utf8("\\x0a"), "\\\\x0a"],
    ["bytes that are not UTF-8", Uint8Array.of(0x61, 0xff, 0x0a, 0x5c), "a\\xff\\x0a\\x5c"],
  ])("%s", (_, bytes, shown) => {
    expect(printable(bytes)).toBe(shown);
  });
});
