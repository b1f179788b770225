import fc from "fast-check";
import { isRight } from "fp-ts/lib/Either.js";
import { describe, expect, test } from "vitest";
import { type DrvHash, placeholder } from "./derivation.ts";
import {
  baseName,
  HASH_LENGTH,
  hashPart,
  isStoreName,
  namePart,
  outputName,
  parseStorePath,
  STORE_DIR,
  scratchPath,
  sortedPaths,
  storePath,
} from "./store-path.ts";

const name = fc.stringMatching(/^[0-9a-zA-Z+\-_?=][0-9a-zA-Z+\-._?=]{0,40}$/);

describe("a store path", () => {
  test("is parsed into its parts, and from nothing else", () =>
    fc.assert(
      fc.property(fc.string(), name, (fingerprint, named) => {
        const path = storePath(fingerprint, named);
        expect(parseStorePath(path)).toEqual({ _tag: "Right", right: path });
        expect(`${STORE_DIR}/${hashPart(path)}-${namePart(path)}`).toBe(path);
        expect(baseName(path)).toBe(`${hashPart(path)}-${named}`);
        expect(hashPart(path)).toHaveLength(HASH_LENGTH);
      }),
    ));

  const hash = "0123456789abcdfghijklmnpqrsvwxyz";
  test.each([
    ["", `expected a path below ${STORE_DIR}`],
    [`/nix/store/${hash}-zlib`, `expected a path below ${STORE_DIR}`],
    [`${STORE_DIR}/${hash.slice(1)}-zlib`, "expected 32 characters of base 32"],
    [`${STORE_DIR}/${hash.replace("0", "e")}-zlib`, "expected 32 characters of base 32"],
    [`${STORE_DIR}/${hash.toUpperCase()}-zlib`, "expected 32 characters of base 32"],
    [`${STORE_DIR}/${hash}`, "expected -<name> behind the hash"],
    [`${STORE_DIR}/${hash}-`, "expected -<name> behind the hash"],
    [`${STORE_DIR}/${hash}-.zlib`, "expected -<name> behind the hash"],
    [`${STORE_DIR}/${hash}-zlib/lib`, "expected -<name> behind the hash"],
    [`${STORE_DIR}/${hash}-zlib\n`, "expected -<name> behind the hash"],
    [`${STORE_DIR}/${hash}-${"x".repeat(201)}`, "expected -<name> behind the hash"],
  ])("is not %j", (text, reason) => {
    expect(parseStorePath(text)).toEqual({ _tag: "Left", left: { _tag: "BadStorePath", text, reason } });
  });

  test("never comes of random text", () =>
    fc.assert(
      fc.property(fc.string(), (text) => void expect(isRight(parseStorePath(`${STORE_DIR}/${text}`))).toBe(false)),
    ));

  test("with a bad name is a bug", () => {
    expect(() => storePath("x", "a/b")).toThrow('BUG: bad store name "a/b"');
  });
});

test.each(["zlib-1.3", "g++", "a_b?c=d", "-", "x".repeat(200)])("%s is a name", (ok) => {
  expect(isStoreName(ok)).toBe(true);
});

test.each(["", ".", "..", ".a", "a b", "a/b", "a\0", "é", "a\n", "x".repeat(201)])("%j is none", (wrong) => {
  expect(isStoreName(wrong)).toBe(false);
});

test("scratch path, placeholder and final path are equally long, so that bytes can be rewritten in place", () =>
  fc.assert(
    fc.property(
      name,
      fc.constantFrom("out", "dev", "doc"),
      fc.stringMatching(/^[0-9a-f]{64}$/),
      (named, output, hex) => {
        const { length } = storePath("final", outputName(named, output));
        expect(scratchPath(named, output)).toHaveLength(length);
        expect(placeholder(hex as DrvHash, output, named)).toHaveLength(length);
      },
    ),
  ));

test("a scratch path follows from name and output alone, and differs between outputs", () => {
  expect(scratchPath("zlib", "out")).toBe("/cab/store/pz7jzfh1ydxsgjj9i5nnrh0lnq7ljxbl-zlib");
  expect(namePart(scratchPath("zlib", "dev"))).toBe("zlib-dev");
  expect(hashPart(scratchPath("zlib", "dev"))).not.toBe(hashPart(scratchPath("zlib-dev", "out")));
});

test("sorted paths are each there once", () => {
  const [a, b] = [storePath("a", "x"), storePath("b", "x")];
  expect(sortedPaths([b, a, b])).toEqual([a, b].sort());
});
