/** What a binary cache needs of a place: blobs by name. Two places: a directory, and memory for tests. Knows no object. */
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { errnoOf } from "../failure.ts";

export interface BlobSource {
  /** The blob's bytes as they come; undefined if there is none of this name. */
  readonly get: (name: string) => Promise<AsyncIterable<Uint8Array> | undefined>;
}

export interface BlobSink {
  readonly has: (name: string) => Promise<boolean>;
  /** Under the name there is nothing, or all of it. */
  readonly put: (name: string, bytes: AsyncIterable<Uint8Array>) => Promise<void>;
}

export function directoryBlobs(root: string): BlobSource & BlobSink {
  return {
    get: async (name) => {
      try {
        return (await stat(`${root}/${name}`)).isFile() ? createReadStream(`${root}/${name}`) : undefined;
      } catch (error) {
        const code = errnoOf(error);
        if (code === "ENOENT" || code === "ENOTDIR") return undefined;
        throw error;
      }
    },
    has: async (name) => existsSync(`${root}/${name}`),
    put: async (name, bytes) => {
      const file = `${root}/${name}`;
      const part = `${file}.part-${process.pid}`;
      await mkdir(dirname(file), { recursive: true });
      try {
        await pipeline(bytes, createWriteStream(part));
        await rename(part, file);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    },
  };
}

export function memoryBlobs(blobs: Map<string, Uint8Array>): BlobSource & BlobSink {
  return {
    get: async (name) => {
      const bytes = blobs.get(name);
      return bytes === undefined ? undefined : once(bytes);
    },
    has: async (name) => blobs.has(name),
    put: async (name, bytes) => {
      blobs.set(name, await collected(bytes));
    },
  };
}

/** Bytes as a stream of one piece. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A stream of known bounds as one piece. */
export async function collected(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}
