/**
 * Standard input and output as streams of bytes, for verbs that move much. Output is not `process.stdout`, which takes a
 * short write to a file, as a disk gives that has just become full, for a whole one.
 */
import { createWriteStream } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { isatty } from "node:tty";

const INPUT = 0;
const OUTPUT = 1;
const CHUNK_BYTES = 1 << 18;

/** Null for a terminal. */
export const standardInput = (): Readable | null => (isatty(INPUT) ? null : process.stdin);

/** Null for a terminal. */
export const standardOutput = (): Writable | null =>
  isatty(OUTPUT) ? null : createWriteStream("", { fd: OUTPUT, autoClose: false, highWaterMark: CHUNK_BYTES });
