/** Bounds on what unpacking may make of a few bytes. Knows no format. */
import type { Refuse } from "../tree/tree-writer.ts";

export interface UnpackLimits {
  /** Bytes that all archives of one derivation may unpack to. */
  readonly bytes: number;
  readonly entries: number;
  /** Bytes out for each byte in. Text full of repetition reaches 100; xz at its best 7,000. */
  readonly ratio: number;
}

export const DEFAULT_UNPACK_LIMITS: UnpackLimits = { bytes: 32 * 2 ** 30, entries: 2_000_000, ratio: 400 };

/** Below this size no ratio is a bomb. */
const ALWAYS_ALLOWED = 64 * 2 ** 20;

export interface Budget {
  /** Compressed bytes that have been opened, which the ratio is measured against. */
  readonly input: (bytes: number) => void;
  readonly output: (bytes: number) => void;
  readonly entry: () => void;
}

export function budget(limits: UnpackLimits, refuse: Refuse): Budget {
  let input = 0;
  let output = 0;
  let entries = 0;
  return {
    input: (bytes) => {
      input += bytes;
    },
    output: (bytes) => {
      output += bytes;
      if (output > limits.bytes) refuse(null, `it unpacks to more than ${limits.bytes} bytes (limit "maxBytes")`);
      if (output > ALWAYS_ALLOWED && output > input * limits.ratio) {
        refuse(null, `it unpacks to more than ${limits.ratio} times its size (limit "maxRatio")`);
      }
    },
    entry: () => {
      if (++entries > limits.entries) refuse(null, `it holds more than ${limits.entries} entries (limit "maxEntries")`);
    },
  };
}
