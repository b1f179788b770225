/** Damages objects on disk, as a failing disk or a careless administrator does. */
import { chmodSync, closeSync, lstatSync, lutimesSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { open } from "lmdb";

/** Changes something in a directory that may not be written, and leaves its mode and time as they were. */
export function inDirectory(directory: string, change: () => void): void {
  const { mode, mtimeMs } = lstatSync(directory);
  chmodSync(directory, 0o755);
  change();
  chmodSync(directory, mode);
  lutimesSync(directory, mtimeMs / 1000, mtimeMs / 1000);
}

/** Calls `change` for an entry of an object, whose directory it may change. */
export const besides = (file: string, change: () => void): void => inDirectory(dirname(file), change);

/** Overwrites the first byte of a file in place: every link to it shows it, and nothing else of it has changed. */
export function flipByte(file: string): void {
  const { mode, mtimeMs } = lstatSync(file);
  chmodSync(file, 0o644);
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, Buffer.from([0xff]), 0, 1, 0);
  closeSync(descriptor);
  chmodSync(file, mode);
  lutimesSync(file, mtimeMs / 1000, mtimeMs / 1000);
}

/** Puts bytes in the place of a record that are no record. No process may have the database open. */
export async function spoilRecord(database: string, table: string, key: string): Promise<void> {
  const env = open({ path: database, encoding: "binary", overlappingSync: false, maxDbs: 16 });
  env.openDB<Buffer, string>({ name: table, encoding: "binary" }).putSync(key, Buffer.alloc(40, 1));
  await env.close();
}
