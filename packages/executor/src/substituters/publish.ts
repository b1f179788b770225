/** Fills a binary cache. Knows nothing of the store: whoever calls says what the objects are and where they lie. */
import { createReadStream, readlinkSync } from "node:fs";
import { Readable } from "node:stream";
import { createZstdCompress } from "node:zlib";
import { encodeObjectInfo, type ObjectInfo, type Realisation } from "@cab/core";
import { digestTree } from "../tree/tree-digest.ts";
import { type BlobSink, once } from "./blobs.ts";
import { blobName, encodeRealisation, objectName, realisationName } from "./layout.ts";

export interface Publication {
  /** A closure: each object comes after those that it refers to. */
  readonly objects: readonly { readonly info: ObjectInfo; readonly file: string }[];
  readonly realisations: readonly Realisation[];
}

/**
 * Adds what the cache does not have yet. An object's record comes after its blobs and after the objects it refers to,
 * and a realisation after its object, so a reader never meets a promise that is not kept yet.
 */
export async function publish(sink: BlobSink, { objects, realisations }: Publication): Promise<void> {
  for (const { info, file } of objects) {
    if (await sink.has(objectName(info.path))) continue;
    const root = Buffer.from(file);
    const digest = await digestTree(root, {
      file: ({ hash }, blob) => add(sink, hash, contents(blob)),
      directory: ({ hash }, message) => add(sink, hash, once(message)),
    });
    if (digest?.hash !== info.digest)
      throw new Error(`BUG: ${info.path} is registered as ${info.digest}, and is ${digest?.hash}`);
    if (info.kind === "symlink") await add(sink, info.digest, once(readlinkSync(root, { encoding: "buffer" })));
    await sink.put(objectName(info.path), once(encodeObjectInfo(info)));
  }
  for (const each of realisations) await sink.put(realisationName(each.key), once(encodeRealisation(each)));
}

async function add(sink: BlobSink, hash: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const name = blobName(hash);
  if (await sink.has(name)) return;
  await sink.put(name, Readable.from(bytes).pipe(createZstdCompress()));
}

/** Opened when it is first read: what the cache has already is not, and trees have more files than a process descriptors. */
async function* contents(file: string | Buffer): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file);
}
