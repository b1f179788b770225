/**
 * Hashes of bulk bytes, by Node's own implementation: ten times faster than core's. Knows bytes only.
 *
 * `node:crypto` takes 5 ms to load, a tenth of what looking up an up-to-date role may take, so it is loaded when the
 * first tree is hashed. The database's checksums are core's.
 */
import type { Hash } from "node:crypto";

const crypto = (): typeof import("node:crypto") => process.getBuiltinModule("node:crypto");

/** Of bytes that are there in one piece: 2 µs, where making a hash and feeding it takes 8. Lower-case hexadecimal. */
export const hashOf = (algorithm: string, bytes: Uint8Array): string => crypto().hash(algorithm, bytes);

export const sha256Of = (bytes: Uint8Array): string => hashOf("sha256", bytes);

export const newHash = (algorithm: string): Hash => crypto().createHash(algorithm);
