import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "./bytes.ts";
import {
  byteSink,
  type Decoded,
  decode,
  decodedStrings,
  encodeMap,
  encodeStrings,
  type Sink,
  stringSink,
  textSink,
} from "./encoding.ts";

/** A value that can be encoded, as plain data: strings, null, lists and maps. */
type Value = string | null | readonly Value[] | { readonly [key: string]: Value };

const word = fc.string({ unit: "binary", maxLength: 8 });
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    word,
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(word, tie("value"), { maxKeys: 4 }),
  ),
}));

function write(sink: Sink, of: Value): void {
  if (of === null) sink.null();
  else if (typeof of === "string") sink.string(of);
  else if (Array.isArray(of)) {
    sink.list(of.length);
    for (const item of of) write(sink, item);
  } else encodeMap(sink, of as Record<string, Value>, (item) => write(sink, item));
}

const encode = (of: Value): Uint8Array => {
  const sink = byteSink();
  write(sink, of);
  return sink.bytes();
};

const plain = (of: Decoded): Value => {
  if (of === null) return null;
  if (typeof of === "string") return Buffer.from(of, "latin1").toString("utf8");
  if (of instanceof Map) return Object.fromEntries([...of].map(([key, item]) => [key, plain(item)]));
  return (of as readonly Decoded[]).map(plain);
};

const written = (of: Value): string => Buffer.from(encode(of)).toString("latin1");

describe("the bytes", () => {
  test("of each form", () => {
    expect(written(["", "héllo", null, [], {}, { b: "2", a: ["1"] }])).toBe(
      "l6:0:6:h\u00c3\u00a9llonl0:m0:m2:1:al1:1:11:b1:2",
    );
  });

  test("are the UTF-8 of the string, lone surrogates included", () => {
    const units = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) });
    fc.assert(
      fc.property(value, units, (of, text) => {
        const sink = stringSink();
        write(sink, [of, text]);
        expect(Buffer.from(sink.encoded())).toEqual(Buffer.from(encode([of, text])));
      }),
    );
  });

  test("read back as what was written", () =>
    fc.assert(fc.property(value, (of) => void expect(plain(decode(encode(of)) as Decoded)).toEqual(of))));

  test("are equal for equal values only", () =>
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(written(a) === written(b)).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)));
      }),
    ));

  test("do not depend on the order in which a map was filled", () =>
    fc.assert(
      fc.property(fc.dictionary(word, word), (record) => {
        expect(written(Object.fromEntries(Object.entries(record).reverse()))).toBe(written(record));
      }),
    ));

  test("grow beyond any first buffer", () => {
    const long = "é".repeat(5000);
    expect(written(long)).toBe(Buffer.from(`10000:${long}`).toString("latin1"));
  });
});

const sorted = (of: Value): unknown =>
  Array.isArray(of)
    ? of.map(sorted)
    : of !== null && typeof of === "object"
      ? {
          map: Object.entries(of)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, item]) => [key, sorted(item)]),
        }
      : of;

describe("the decoder", () => {
  test.each([
    ["", "nothing"],
    ["x", "an unknown form"],
    ["nn", "two values"],
    ["3:ab", "a string cut short"],
    ["1:ab", "something behind the value"],
    ["01:a", "a leading zero"],
    ["+1:a", "a sign"],
    [" 1:a", "white space"],
    [":", "no length"],
    ["1a", "no colon"],
    ["99999999999:a", "a length of eleven digits"],
    ["l2:1:a", "a list cut short"],
    ["l:", "a list without a count"],
    ["l1n", "a count without a colon"],
    ["m1:1:a", "a key without a value"],
    ["m1:nn", "a key that is no string"],
    ["m1:1:\u00ffn", "a key that is not UTF-8"],
    ["m2:1:bn1:an", "keys out of order"],
    ["m2:1:an1:an", "a key twice"],
  ])("refuses %j: %s", (text) => {
    expect(decode(Buffer.from(text, "latin1"))).toBeUndefined();
  });

  test("takes keys in the order of their UTF-8, which is not JavaScript's", () => {
    expect(decode(utf8("m2:3:\uffffn4:😀n"))).toEqual(
      new Map([
        ["\uffff", null],
        ["😀", null],
      ]),
    );
    expect(decode(utf8("m2:4:😀n3:\uffffn"))).toBeUndefined();
  });

  test("takes nothing that the encoder would not have written, whatever is done to valid bytes", () =>
    fc.assert(
      fc.property(
        value,
        fc.nat(),
        fc.nat(255),
        fc.constantFrom("set", "insert", "drop", "cut"),
        (of, where, byte, how) => {
          const bytes = encode(of);
          const at = where % bytes.length;
          const rest = how === "cut" ? [] : [...bytes.slice(how === "insert" ? at : at + 1)];
          const mutated = Uint8Array.from([
            ...bytes.slice(0, at),
            ...(how === "drop" || how === "cut" ? [] : [byte]),
            ...rest,
          ]);
          const decoded = decode(mutated);
          if (decoded !== undefined) expect(rewritten(decoded)).toEqual(mutated);
        },
      ),
      { numRuns: 5000 },
    ));

  test("never throws", () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom(..."lmn0123456789:a"), { maxLength: 40 }), (characters) => {
        const bytes = utf8(characters.join(""));
        const decoded = decode(bytes);
        if (decoded !== undefined) expect(rewritten(decoded)).toEqual(bytes);
      }),
      { numRuns: 5000 },
    ));

  test.each(["l9999999999:", "m9999999999:", "9999999999:", `l1:${"l1:".repeat(30)}l999999999:n`])(
    "does not allocate what the forged count of %s claims",
    (forged) => {
      const before = process.memoryUsage().heapTotal + process.memoryUsage().arrayBuffers;
      expect(decode(utf8(forged))).toBeUndefined();
      const after = process.memoryUsage().heapTotal + process.memoryUsage().arrayBuffers;
      expect(after - before).toBeLessThan(50e6);
    },
  );

  test("does not follow hostile nesting down the stack", () => {
    expect(decode(utf8("l1:".repeat(100_000)))).toBeUndefined();
    expect(decode(utf8(`${"l1:".repeat(31)}n`))).toBeDefined();
  });
});

function rewritten(decoded: Decoded): Uint8Array {
  const sink = byteSink();
  const again = (of: Decoded): void => {
    if (of === null) sink.null();
    else if (typeof of === "string") sink.string(Buffer.from(of, "latin1"));
    else if (of instanceof Map) encodeMap(sink, Object.fromEntries(of) as Record<string, Decoded>, again);
    else {
      sink.list((of as readonly Decoded[]).length);
      for (const item of of as readonly Decoded[]) again(item);
    }
  };
  again(decoded);
  return sink.bytes();
}

test("a list of strings is not taken from anything else", () => {
  const sink = byteSink();
  encodeStrings(sink, ["a", "é"]);
  expect(decodedStrings(decode(sink.bytes()))).toEqual(["a", "é"]);
  expect(decodedStrings(decode(encode(["a", null])))).toBeUndefined();
  expect(decodedStrings(decode(encode("a")))).toBeUndefined();
  expect(decodedStrings(decode(encode({})))).toBeUndefined();
  expect(decodedStrings(undefined)).toBeUndefined();
});

test("the text sink shows one value a line, indented by depth", () => {
  const sink = textSink();
  sink.list(5);
  sink.field("name");
  sink.string("zlib");
  sink.field("rootfs");
  sink.null();
  sink.field("args");
  encodeStrings(sink, ["-c", 'echo "hi"\n']);
  sink.field("env");
  encodeMap<readonly string[]>(sink, { empty: [], list: ["x"] }, (item) => encodeStrings(sink, item));
  sink.field("none");
  sink.map(0);
  expect(sink.text()).toBe(
    [
      "",
      '  name: "zlib"',
      "  rootfs: null",
      "  args:",
      '    "-c"',
      '    "echo \\"hi\\"\\n"',
      "  env:",
      '    "empty" = []',
      '    "list" =',
      '      "x"',
      "  none: {}",
      "",
    ].join("\n"),
  );
});
