/** Reads compressed blobs of an untrusted cache: bounded while they come, checked against their names. Knows no tree. */
import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { type BlobSource, collected } from "./blobs.ts";
import { blobName } from "./layout.ts";

/** Leaves the fetch: what the cache gave is not what was promised. */
export type Reject = (reason: string) => never;

/** The whole of a small, uncompressed record; undefined if there is none. */
export async function readRecord(
  source: BlobSource,
  name: string,
  { most, reject }: { readonly most: number; readonly reject: Reject },
): Promise<Uint8Array | undefined> {
  const bytes = await source.get(name);
  if (bytes === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > most) reject(`${name} is longer than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export interface BlobPromise {
  readonly hash: string;
  /** Bytes; undefined if nobody said. */
  readonly size: number | undefined;
  /** Bytes that are read at most. */
  readonly most: number;
}

/**
 * The bytes of a blob, piece by piece. Fails at the first byte too many, and at the end if bytes are missing or wrong:
 * what was yielded until then must not be used.
 */
export async function* blobBytes(
  source: BlobSource,
  { hash, size, most }: BlobPromise,
  reject: Reject,
): AsyncGenerator<Uint8Array> {
  const name = blobName(hash);
  const compressed = await source.get(name);
  if (compressed === undefined) return reject(`${name} is missing`);
  const digest = createHash("sha256");
  const limit = Math.min(size ?? most, most);
  let length = 0;
  const decoder = createZstdDecompress();
  // The decoder is destroyed with whatever error came, which the loop then throws.
  pipeline(Readable.from(compressed), decoder, () => {});
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) reject(`${name} holds more than the ${limit} bytes promised`);
      digest.update(chunk);
      yield chunk;
    }
  } catch (error) {
    if (!isZstdError(error)) throw error;
    reject(`${name} is no zstd stream: ${(error as Error).message}`);
  }
  if (size !== undefined && length !== size) reject(`${name} holds ${length} bytes, expected ${size}`);
  const actual = digest.digest("hex");
  if (actual !== hash) reject(`${name} holds bytes of the digest ${actual}`);
}

const isZstdError = (error: unknown): boolean =>
  error instanceof Error && "code" in error && /^(ZSTD_|Z_)/.test(String(error.code));

export const wholeBlob = (source: BlobSource, blob: BlobPromise, reject: Reject): Promise<Uint8Array> =>
  collected(blobBytes(source, blob, reject));
