/**
 * Streams of compressed bytes, told by their first bytes. Decoders are loaded when the first stream of their kind comes.
 * Knows nothing of archives; whoever reads bounds what comes out.
 */
import { type Duplex, pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { Refuse } from "../tree/tree-writer.ts";
import { bunzip2 } from "./bunzip2.ts";
import { type ByteRange, chunksOf, readAt } from "./byte-range.ts";

export type Compression = "none" | "gzip" | "xz" | "bzip2" | "zstd";

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
];

export function compressionOf(range: ByteRange): Compression {
  const start = readAt(range, 0, 6);
  return MAGIC.find(([, magic]) => magic.every((byte, i) => start[i] === byte))?.[0] ?? "none";
}

export function decompressed(range: ByteRange, compression: Compression, refuse: Refuse): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "none":
      return Readable.from(chunksOf(range));
    case "gzip":
      return through(range, createGunzip());
    case "zstd":
      return through(range, createZstdDecompress());
    case "bzip2":
      return Readable.from(bunzip2(range));
    case "xz":
      return unxz(range, refuse);
  }
}

async function* through(range: ByteRange, decoder: Duplex): AsyncGenerator<Uint8Array> {
  // The decoder is destroyed with whatever error came, which the loop then throws.
  pipeline(Readable.from(chunksOf(range)), decoder, () => {});
  yield* decoder;
}

const XZ_ERRORS: Readonly<Record<string, string>> = {
  2: "its kind of checksum is not supported",
  3: "it needs more memory than there is",
  4: "it needs more memory than is allowed",
  5: "it is not an xz stream",
  6: "it uses a filter that is not supported",
  7: "its data is damaged",
  8: "it ends too early",
};

/**
 * One xz stream. The library has one decoder at a time, handed on when a stream was read to its end or cancelled, so it
 * must be cancelled however the loop ends.
 */
async function* unxz(range: ByteRange, refuse: Refuse): AsyncGenerator<Uint8Array> {
  const { XzReadableStream } = (await import("xz-decompress")).default;
  const chunks = chunksOf(range);
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const { done, value } = chunks.next();
      // The decoder takes an empty chunk for the end of its input.
      controller.enqueue(done === true ? new Uint8Array() : value);
    },
  });
  const reader = new XzReadableStream(source).getReader();
  let ended = false;
  try {
    while (!ended) {
      const { done, value } = await reader.read();
      ended = done;
      if (value !== undefined) yield value;
    }
  } catch (error) {
    ended = true;
    const code = /error code (\d+)/.exec(String(error))?.[1];
    if (code === undefined) throw error;
    refuse(null, XZ_ERRORS[code] ?? `xz error ${code}`);
  } finally {
    if (!ended) await reader.cancel();
  }
}
