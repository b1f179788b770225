/** Core hashes with @noble/hashes, since it also runs where no Node is; the store hashes with OpenSSL. They must agree. */
import { createHash } from "node:crypto";
import { sha256, sha256Hex } from "@cab/core";
import fc from "fast-check";
import { expect, test } from "vitest";

test("core's SHA-256 is node:crypto's, whatever the length", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, repeat) => {
      const long = Buffer.concat(Array.from({ length: repeat }, () => bytes));
      for (const data of [bytes, long]) {
        expect(sha256Hex(data)).toBe(createHash("sha256").update(data).digest("hex"));
        expect(Buffer.from(sha256(data))).toEqual(createHash("sha256").update(data).digest());
      }
    }),
  ));

test("of a string it is that of its UTF-8", () =>
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(sha256Hex(text)).toBe(createHash("sha256").update(text, "utf8").digest("hex"));
    }),
  ));
