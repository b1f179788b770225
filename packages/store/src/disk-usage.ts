/** What objects' files take on disk, where equal ones are one inode. Reads inodes, not bytes. */
import { lstatSync } from "node:fs";
import type { Directory, ObjectInfo } from "@cab/core";
import { pause } from "./file-bytes.ts";
import { objectEntries } from "./object-entries.ts";
import { fileAt } from "./tree.ts";

export interface DiskUsage {
  /** Sum of the files' sizes in bytes, each as often as it stands there. */
  readonly apparent: number;
  /** The same with each inode counted once: what the files hold on disk. */
  readonly shared: number;
}

export interface DiskUsageOptions {
  readonly objects: readonly ObjectInfo[];
  /** Where an object lies. */
  readonly physical: (info: ObjectInfo) => string;
  readonly directory: (digest: string) => Directory;
}

/** Inodes looked at between two pauses, at 2 µs each. */
const ENTRIES_A_TURN = 4096;

/** All objects lie in one file system, so an inode's number is enough. */
export async function diskUsage({ objects, physical, directory }: DiskUsageOptions): Promise<DiskUsage> {
  const seen = new Set<bigint>();
  let apparent = 0;
  let shared = 0;
  let entries = 0;
  for (const info of objects) {
    const root = physical(info);
    for (const entry of objectEntries(info, directory)) {
      if (entry.kind !== "file") continue;
      if (++entries % ENTRIES_A_TURN === 0) await pause();
      const { ino } = lstatSync(fileAt(root, Buffer.from(entry.path)), { bigint: true });
      apparent += entry.digest.size;
      if (seen.has(ino)) continue;
      seen.add(ino);
      shared += entry.digest.size;
    }
  }
  return { apparent, shared };
}
