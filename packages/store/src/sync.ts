/**
 * Makes files durable. Node has no syncfs(2), so a large group is handed to coreutils' `sync -f`; a small one, and any
 * where that program is missing, is synced file by file. Knows files and directories, not what they mean.
 */
import { closeSync, constants, fsyncSync, openSync } from "node:fs";
import { errorCode } from "./failure.ts";
import { pause } from "./file-bytes.ts";

function syncFile(file: Buffer | string): void {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes the names in a directory durable, which may be a link to one on another disk. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** No file system here, or one that the user chose for a link, can be told to sync a directory in this way. */
const UNSYNCABLE = new Set(["EACCES", "EINVAL", "ENOTSUP"]);

/**
 * Makes the names in a directory durable that need not be the store's own: one that may not be read, or lies on a file
 * system that syncs no directories, nobody could sync.
 */
export function syncNames(directory: string): void {
  try {
    syncDirectory(directory);
  } catch (error) {
    if (!UNSYNCABLE.has(errorCode(error) ?? "")) throw error;
  }
}

/**
 * Up to here one fsync each is cheaper: 0.2 ms a file, against 3 ms for a process, and `sync -f` also waits for whatever
 * other builds have written to this file system.
 */
const FEW = 16;

/** A fixed path for a program that every system has in one of these; nothing of the user's environment is read. */
const SEARCH_PATH = "/usr/bin:/bin:/run/current-system/sw/bin";

/** True if `sync -f` ran and reported that everything is on disk. */
async function syncFileSystem(directory: string): Promise<boolean> {
  // Loaded here because opening a store must stay cheap: child_process costs 2 ms.
  const { spawn } = await import("node:child_process");
  return new Promise((resolve) => {
    const child = spawn("sync", ["-f", directory], { env: { PATH: SEARCH_PATH }, stdio: "ignore" });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}

export interface SyncOptions {
  /** Lies in the file system of the files. */
  readonly directory: string;
  readonly syncFileSystem?: (directory: string) => Promise<boolean>;
}

/** Returns when the data of every file, and the entries of every directory, are on disk. */
export async function syncAll(files: readonly (Buffer | string)[], options: SyncOptions): Promise<void> {
  const { directory, syncFileSystem: whole = syncFileSystem } = options;
  if (files.length > FEW && (await whole(directory))) return;
  for (let i = 0; i < files.length; i++) {
    syncFile(files[i] as Buffer | string);
    if (i % FEW === FEW - 1) await pause();
  }
}
