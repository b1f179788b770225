/**
 * Which files of a stream have stood in it already: each is written once. Writer and reader remember the same ones, the
 * last 262,144 of distinct content, so that neither needs more memory the longer a stream is. Knows no bytes.
 */
import type { StorePath } from "../store-path.ts";

/** Where a file of some content stands: in an object of the stream. */
export interface FilePlace {
  readonly object: StorePath;
  /** Its folder below the object's root, raw, and its name in it; both empty for the root itself. */
  readonly folder: Uint8Array;
  readonly name: Uint8Array;
  readonly size: number;
}

const SLASH = 47;

/** A path below an object's root: the folder's path, a slash, the name. */
export function entryPath(folder: Uint8Array, name: Uint8Array): Uint8Array {
  if (folder.length === 0) return name;
  const path = new Uint8Array(folder.length + 1 + name.length);
  path.set(folder);
  path[folder.length] = SLASH;
  path.set(name, folder.length + 1);
  return path;
}

export interface RecentFiles {
  readonly find: (digest: string) => FilePlace | undefined;
  /** Remembers a content that is not known; the oldest one is forgotten for it when there are too many. */
  readonly add: (digest: string, place: FilePlace) => void;
}

/** Part of the format: a reader that remembers fewer cannot read what a writer leaves out. */
export const RECENT_FILES = 2 ** 18;

export function recentFiles(most: number = RECENT_FILES): RecentFiles {
  const places = new Map<string, FilePlace>();
  return {
    find: (digest) => places.get(digest),
    add: (digest, place) => {
      places.set(digest, place);
      if (places.size <= most) return;
      const [oldest] = places.keys();
      places.delete(oldest as string);
    },
  };
}
