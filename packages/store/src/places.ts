/** Where one object refers to another: in which files, link targets and names, and at which byte. Reads; changes nothing. */
import { readlinkSync } from "node:fs";
import { compareBytes, type Directory, hashPart, type ObjectInfo, type StorePath } from "@cab/core";
import { readFile } from "./add-tree.ts";
import { objectEntries } from "./object-entries.ts";
import { createScanner, type Found, type Scanner } from "./scan.ts";
import { fileAt } from "./tree.ts";

export interface Place {
  /** Below the object's root, raw; empty for the root itself. */
  readonly path: Uint8Array;
  /** What the hash stands in. */
  readonly in: "file" | "symlink" | "name";
  /** Of the hash's first byte: in the file, in the link's target, in the last component of the path. */
  readonly offset: number;
}

export interface PlacesOptions {
  readonly info: ObjectInfo;
  /** Where the object lies. */
  readonly file: string;
  readonly reference: StorePath;
  readonly directory: (digest: string) => Directory;
  readonly buffer: Buffer;
}

/** In the order of paths, then offsets. */
export async function placesOf({ info, file, reference, directory, buffer }: PlacesOptions): Promise<Place[]> {
  const scanner = createScanner({ candidates: [], located: [hashPart(reference)], fragments: false });
  const places: Place[] = [];
  for (const node of objectEntries(info, directory)) {
    const { kind, path } = node;
    const add = (where: Place["in"], offsets: readonly number[]): void => {
      for (const offset of offsets) places.push({ path, in: where, offset });
    };
    const entry = Buffer.from(path);
    add("name", offsetsIn(scanner, entry.subarray(entry.lastIndexOf("/") + 1)));
    const onDisk = fileAt(file, entry);
    if (kind === "symlink") add("symlink", offsetsIn(scanner, readlinkSync(onDisk, { encoding: "buffer" })));
    if (node.kind === "file") {
      const { found } = await readFile(onDisk, { size: node.digest.size, buffer, scanner });
      add("file", offsetsOf(found));
    }
  }
  return places.sort((a, b) => compareBytes(a.path, b.path) || a.offset - b.offset);
}

const offsetsIn = (scanner: Scanner, bytes: Buffer): number[] => offsetsOf(scanner.scan(bytes));

const offsetsOf = ({ occurrences }: Found): number[] => occurrences.map(({ offset }) => offset);
