/** Progress for programs: every event as one JSON value on a line of a file (docs/reference/events.md). */
import { closeSync, openSync, writeSync } from "node:fs";
import { Ended } from "./ended.ts";
import type { ProgressEvent } from "./progress.ts";

export interface EventFile {
  readonly on: (event: ProgressEvent) => void;
  readonly close: () => void;
}

/** `time`: milliseconds since 1970. */
export function openEventFile(file: string, time: () => number): EventFile {
  let descriptor: number | undefined = opened(file);
  const close = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  return {
    on: ({ _tag, ...rest }) => {
      if (descriptor === undefined) return;
      const bytes = Buffer.from(`${JSON.stringify({ event: _tag, time: time(), ...rest })}\n`);
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      } catch (error) {
        // Who reads no more does not stop the builds.
        if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
        close();
      }
    },
    close,
  };
}

function opened(file: string): number {
  try {
    return openSync(file, "a");
  } catch (error) {
    throw new Ended(`error: --events ${file}: ${(error as Error).message}\n`);
  }
}
