/** SHA-256 for core and the evaluator's realm. The store hashes bulk bytes with Node's own; a test holds the two equal. */
import { sha256 as noble } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "./bytes.ts";

export const sha256 = (bytes: Uint8Array): Uint8Array => noble(bytes);

/** Gives the lower-case hexadecimal SHA-256 of a string's UTF-8: `sha256Hex`, or what a host lends that is faster. */
export type HashText = (text: string) => string;

/** Lower-case hexadecimal SHA-256 of bytes, or of a string's UTF-8. */
export const sha256Hex = (data: Uint8Array | string): string =>
  toHex(noble(typeof data === "string" ? utf8(data) : data));
