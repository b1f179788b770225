/**
 * What guards the database's values: a checksum over table, key and value, so that a bit
 * that flips on disk, or a value that ends up under another key, is noticed when it is read (LMDB itself checks nothing:
 * of 150 flipped bytes 7 were silently wrong). Knows no database.
 */
import { compareBytes, sha256 } from "@cab/core";

const CHECKSUM_BYTES = 8;

/** Of the other tables the keys are their values' hashes, or say it all. */
const SEALED: ReadonlySet<string> = new Set(["meta", "objects", "realisations", "buildTimes"]);

export const isSealed = (table: string): boolean => SEALED.has(table);

const checksum = (table: string, key: string, payload: Uint8Array): Uint8Array =>
  sha256(Buffer.concat([Buffer.from(`${table}\0${key}\0`), payload])).subarray(0, CHECKSUM_BYTES);

export const sealValue = (table: string, key: string, payload: Uint8Array): Buffer =>
  Buffer.concat([payload, checksum(table, key, payload)]);

/** The payload, unchecked. */
export const unsealedValue = (value: Buffer): Buffer => value.subarray(0, Math.max(0, value.length - CHECKSUM_BYTES));

/** The payload; undefined if the value is not the one that was written for this key. */
export function openValue(table: string, key: string, value: Buffer): Buffer | undefined {
  if (value.length < CHECKSUM_BYTES) return undefined;
  const payload = value.subarray(0, value.length - CHECKSUM_BYTES);
  return compareBytes(checksum(table, key, payload), value.subarray(payload.length)) === 0 ? payload : undefined;
}
