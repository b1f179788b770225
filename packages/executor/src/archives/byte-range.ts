/** A run of bytes of an open file, which may be one member of an outer archive. Knows nothing of what they mean. */
import { fstatSync, readSync } from "node:fs";

export interface ByteRange {
  readonly fd: number;
  readonly start: number;
  readonly length: number;
}

export const wholeFile = (fd: number): ByteRange => ({ fd, start: 0, length: fstatSync(fd).size });

/** Up to `length` bytes at `offset` of the range; fewer at its end. */
export function readAt({ fd, start, length: size }: ByteRange, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
  let at = 0;
  while (at < buffer.length) {
    const count = readSync(fd, buffer, at, buffer.length - at, start + offset + at);
    if (count === 0) break;
    at += count;
  }
  return buffer.subarray(0, at);
}

/** Large enough that the calls do not show, small enough that a bomb is noticed soon. */
const CHUNK = 64 * 1024;

export function* chunksOf(range: ByteRange): Generator<Buffer> {
  for (let offset = 0; offset < range.length; ) {
    const chunk = readAt(range, offset, CHUNK);
    if (chunk.length === 0) return;
    offset += chunk.length;
    yield chunk;
  }
}
