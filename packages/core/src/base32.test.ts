import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BASE32_ALPHABET, toBase32 } from "./base32.ts";
import { fromHex } from "./bytes.ts";

/** From Nix: `nix-hash --to-base32` in its manual, and what `sha256` of the empty file is in nixpkgs. */
test.each([
  ["e4fd8ba5f7bbeaea5ace89fe10255536cd60dab6", "nvd61k9nalji1zl9rrdfmsmvyyjqpzg4"],
  [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73",
  ],
  ["", ""],
])("%s is %s", (hex, base32) => {
  expect(toBase32(fromHex(hex) as Uint8Array)).toBe(base32);
});

test("is the number that the bytes are, little-endian, in digits of five bits", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 32 }), (bytes) => {
      let number = 0n;
      for (const byte of bytes.toReversed()) number = (number << 8n) | BigInt(byte);
      let digits = "";
      for (let i = 0; i < Math.ceil((bytes.length * 8) / 5); i++) {
        digits = (BASE32_ALPHABET[Number(number & 31n)] as string) + digits;
        number >>= 5n;
      }
      expect(toBase32(bytes)).toBe(digits);
    }),
  ));

test("20 bytes are 32 characters", () => {
  expect(toBase32(createHash("sha1").update("x").digest())).toMatch(/^[0-9a-df-np-sv-z]{32}$/);
});
