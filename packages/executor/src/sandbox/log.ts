/**
 * The log of one build: a plain file while the builder runs, so that it can be read whatever becomes of the engine, and
 * compressed when it is complete. Keeps the last lines at hand. Knows nothing of processes.
 */
import {
  chmodSync,
  closeSync,
  createReadStream,
  createWriteStream,
  fchmodSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { createZstdCompress } from "node:zlib";
import { writeAll } from "../tree/tree-writer.ts";

export interface BuildLog {
  readonly write: (chunk: Uint8Array) => void;
  /** Bytes so far. */
  readonly bytes: () => number;
  /** The end of the log as text, at most `TAIL` bytes. */
  readonly tail: () => string;
  /** Closes the file and puts `<file>.zst` in its place. */
  readonly complete: () => Promise<void>;
  /** Closes the file and removes it. */
  readonly discard: () => Promise<void>;
}

const TAIL = 16 * 1024;

/** By everybody, written by one: whatever the umask. */
const READABLE = 0o644;

export function openBuildLog(file: string): BuildLog {
  if (mkdirSync(dirname(file), { recursive: true }) !== undefined) chmodSync(dirname(file), 0o755);
  const fd = openSync(file, "w", READABLE);
  fchmodSync(fd, READABLE);
  let written = 0;
  let tail = Buffer.alloc(0);
  return {
    write: (chunk) => {
      writeAll(fd, chunk);
      written += chunk.length;
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL);
    },
    bytes: () => written,
    tail: () => tail.toString("utf8"),
    discard: async () => {
      closeSync(fd);
      rmSync(file);
    },
    complete: async () => {
      closeSync(fd);
      await pipeline(
        createReadStream(file),
        createZstdCompress(),
        createWriteStream(`${file}.zst.part`, { mode: READABLE }),
      );
      chmodSync(`${file}.zst.part`, READABLE);
      renameSync(`${file}.zst.part`, `${file}.zst`);
      rmSync(file);
    },
  };
}
