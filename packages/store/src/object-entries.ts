/** An object's entries as its Directory messages list them, without looking at the disk. Knows no file's bytes. */
import { type Digest, type Directory, entryPath, type ObjectInfo } from "@cab/core";

export type ObjectEntry =
  | { readonly kind: "directory"; readonly path: Uint8Array }
  | { readonly kind: "symlink"; readonly path: Uint8Array }
  | { readonly kind: "file"; readonly path: Uint8Array; readonly digest: Digest };

const ROOT = new Uint8Array();

/** Every entry, the root with the empty path among them; a directory before what is in it. */
export function* objectEntries(info: ObjectInfo, directory: (digest: string) => Directory): Generator<ObjectEntry> {
  if (info.kind === "symlink") {
    yield { kind: "symlink", path: ROOT };
    return;
  }
  if (info.kind !== "dir") {
    yield { kind: "file", path: ROOT, digest: { hash: info.digest, size: info.size } };
    return;
  }
  const pending: { readonly path: Uint8Array; readonly hash: string }[] = [{ path: ROOT, hash: info.digest }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, hash } = next;
    yield { kind: "directory", path };
    const { files, directories, symlinks } = directory(hash);
    for (const { name, digest } of files) yield { kind: "file", path: entryPath(path, name), digest };
    for (const { name } of symlinks) yield { kind: "symlink", path: entryPath(path, name) };
    for (const { name, digest } of directories) pending.push({ path: entryPath(path, name), hash: digest.hash });
  }
}
