/**
 * What a living process keeps from being collected: the file `var/processes/p-<id>/roots`, base names of store paths, one
 * to a line. Written and read under the database's write lock only, so that a collector sees a root or its process sees
 * that the object is gone. Never synced: after a crash of the machine its process is dead. Knows no collector.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { baseName, STORE_DIR, type StorePath, storePathOf } from "@cab/core";
import { errorCode } from "./failure.ts";
import type { Layout } from "./layout.ts";
import { announcedProcesses, type ProcessId, processDirectory } from "./process-socket.ts";

const rootsFile = (layout: Layout, id: ProcessId): string => join(processDirectory(layout, id), "roots");

export interface TemporaryRoots {
  /** Whether this process keeps the path already. */
  readonly has: (path: StorePath) => boolean;
  /** The process must be announced, and the caller hold the write lock. */
  readonly add: (id: ProcessId, paths: readonly StorePath[]) => void;
  readonly close: () => void;
}

export function openTemporaryRoots(layout: Layout): TemporaryRoots {
  const kept = new Set<StorePath>();
  let descriptor: number | undefined;
  return {
    has: (path) => kept.has(path),
    add: (id, paths) => {
      const fresh = paths.filter((path) => !kept.has(path));
      if (fresh.length === 0) return;
      descriptor ??= openSync(rootsFile(layout, id), "a");
      // A line that a full disk cut off before must not run into the first one of these.
      const bytes = Buffer.from(`\n${fresh.map(baseName).join("\n")}\n`);
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      for (const path of fresh) kept.add(path);
    },
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

/** What each process that is announced keeps; who calls has removed the dead, or keeps theirs too. */
export function temporaryRoots(layout: Layout): Map<ProcessId, StorePath[]> {
  const roots = new Map<ProcessId, StorePath[]>();
  for (const id of announcedProcesses(layout)) {
    const paths = new Set<StorePath>();
    for (const line of linesOf(rootsFile(layout, id))) {
      const path = storePathOf(`${STORE_DIR}/${line}`);
      if (path !== undefined) paths.add(path);
    }
    roots.set(id, [...paths]);
  }
  return roots;
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "latin1").split("\n");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
