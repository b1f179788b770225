/**
 * What another process's build prints while we wait for it: read from the end of its log, which lies in the store that
 * both work on. Knows a file that grows; not who writes it.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";
import type { DrvHash, RealiseEvent } from "@cab/core";

/** What a build that we wait for has printed. */
export interface ElsewhereLog {
  readonly _tag: "ElsewhereLog";
  readonly drv: DrvHash;
  /** Of the log so far. */
  readonly bytes: number;
  /** Its last line that is not empty, without what a terminal would obey. */
  readonly line: string;
}

export interface Elsewhere {
  readonly on: (event: RealiseEvent) => void;
  readonly stop: () => void;
}

const LOOK_MS = 1000;

export function watchElsewhere(logFile: (drv: DrvHash) => string, emit: (event: ElsewhereLog) => void): Elsewhere {
  const timers = new Map<DrvHash, NodeJS.Timeout>();
  const end = (drv: DrvHash): void => {
    clearInterval(timers.get(drv));
    timers.delete(drv);
  };
  return {
    on: (event) => {
      if (event._tag === "Waited") end(event.drv);
      if (event._tag !== "BuiltElsewhere") return;
      const { drv, resolved, holder } = event;
      let seen = 0;
      const look = (): void => {
        const end = logEnd(logFile(resolved), holder.since);
        if (end === undefined || end.bytes === seen) return;
        seen = end.bytes;
        emit({ _tag: "ElsewhereLog", drv, ...end });
      };
      timers.set(drv, setInterval(look, LOOK_MS).unref());
      look();
    },
    stop: () => {
      for (const drv of [...timers.keys()]) end(drv);
    },
  };
}

/** In which the last line is looked for. */
const TAIL = 4096;

/** Undefined if there is no such log, or one of an earlier build only. */
function logEnd(file: string, since: number): { readonly bytes: number; readonly line: string } | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch {
    // It is compressed already, or not begun. Whatever else is wrong with it, its reader is no build.
    return undefined;
  }
  try {
    const { size, mtimeMs } = fstatSync(descriptor);
    if (mtimeMs < since) return undefined;
    const tail = Buffer.alloc(Math.min(size, TAIL));
    const length = readSync(descriptor, tail, 0, tail.length, size - tail.length);
    return { bytes: size, line: lastLine(tail.toString("utf8", 0, length)) };
  } finally {
    closeSync(descriptor);
  }
}

export const lastLine = (text: string): string =>
  text
    .split(/[\r\n]+/)
    .map((line) =>
      stripVTControlCharacters(line.replaceAll("\t", " "))
        .replace(/\p{Cc}/gu, "")
        .trim(),
    )
    .findLast((line) => line !== "") ?? "";
