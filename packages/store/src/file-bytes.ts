/** Reads a file's bytes once, for hashing and scanning, and writes patches into it. Knows no tree. */
import type { Hash } from "node:crypto";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { hashOf, newHash, sha256Of } from "./bulk-hash.ts";
import type { Found, Scanner } from "./scan.ts";

/** Bytes that stand at an offset instead of what is in the file. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Files up to this size take one read and one call of the hash; larger ones go through the same buffer piece by piece. */
const CHUNK_BYTES = 1 << 20;

/**
 * What all reads of a process go through. It may be shared by admissions that run at once: none keeps anything in it
 * over an `await`.
 */
export const readBuffer = (): Buffer => Buffer.allocUnsafe(CHUNK_BYTES);

/** Fills as much of `buffer` as the file still has. */
function fill(descriptor: number, buffer: Buffer): number {
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return length;
}

export interface FileBytes {
  readonly digest: string;
  readonly size: number;
  readonly found: Found;
}

/** Lets other work of the process run; awaited between the pieces of a large file and every few entries of a tree. */
export const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A file that fits the buffer, without leaving the event loop's turn; undefined if it is larger, with nothing consumed. */
export function readSmallFile(
  descriptor: number,
  size: number,
  buffer: Buffer,
  scanner: Scanner,
): FileBytes | undefined {
  if (size >= buffer.length) return undefined;
  const bytes = buffer.subarray(0, fill(descriptor, buffer));
  return { digest: sha256Of(bytes), size: bytes.length, found: scanner.scan(bytes) };
}

export async function readLargeFile(descriptor: number, buffer: Buffer, scanner: Scanner): Promise<FileBytes> {
  const sum = newHash("sha256");
  let size = 0;
  for (;;) {
    const bytes = buffer.subarray(0, fill(descriptor, buffer));
    if (bytes.length === 0) break;
    sum.update(bytes);
    scanner.update(bytes);
    size += bytes.length;
    await pause();
  }
  return { digest: sum.digest("hex"), size, found: scanner.finish() };
}

/** Copies the part of `patch` that lies in `bytes`, which begin at `start` of the file. */
function applyPatch(bytes: Buffer, start: number, patch: Patch): void {
  const from = Math.max(patch.offset, start);
  const to = Math.min(patch.offset + patch.bytes.length, start + bytes.length);
  if (from < to) patch.bytes.copy(bytes, from - start, from - patch.offset, to - patch.offset);
}

/** Digest of the file as it would be with the patches. */
export async function digestWith(
  file: Buffer | string,
  algorithm: string,
  patches: readonly Patch[],
  buffer: Buffer,
): Promise<string> {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    let sum: Hash | undefined;
    for (let start = 0; ; ) {
      const bytes = buffer.subarray(0, fill(descriptor, buffer));
      for (const patch of patches) applyPatch(bytes, start, patch);
      // All of it, as most files are.
      if (start === 0 && bytes.length < buffer.length) return hashOf(algorithm, bytes);
      if (bytes.length === 0) return (sum as Hash).digest("hex");
      sum ??= newHash(algorithm);
      sum.update(bytes);
      start += bytes.length;
      if (bytes.length === buffer.length) await pause();
    }
  } finally {
    closeSync(descriptor);
  }
}

/** A write may take less than all of it. */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

/** Writes the patches into the file, which no other name may share. */
export function writePatches(file: Buffer, patches: readonly Patch[]): void {
  const descriptor = openSync(file, constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    for (const { offset, bytes } of patches) writeSync(descriptor, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(descriptor);
  }
}
