/** Lists a tree on disk, raw names kept, without following links. Knows nothing of what becomes of the entries. */
import { type Dirent, readdirSync } from "node:fs";
import { nameOfBytes } from "./tree-writer.ts";

export interface TreeEntry {
  /** Place in the tree, a byte string. */
  readonly path: string;
  readonly kind: "directory" | "file" | "symlink" | "other";
  readonly file: Buffer;
}

/** Every entry below `root`, a directory before what it holds. */
export function* walkTree(root: string): Generator<TreeEntry> {
  const pending: { path: string; file: Buffer }[] = [{ path: "", file: Buffer.from(root) }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const entry of readdirSync(next.file, { withFileTypes: true, encoding: "buffer" })) {
      const name = nameOfBytes(entry.name);
      const path = next.path === "" ? name : `${next.path}/${name}`;
      const file = Buffer.concat([next.file, Buffer.from("/"), entry.name]);
      const kind = kindOf(entry);
      yield { path, kind, file };
      if (kind === "directory") pending.push({ path, file });
    }
  }
}

function kindOf(entry: Dirent<Buffer>): TreeEntry["kind"] {
  if (entry.isDirectory()) return "directory";
  if (entry.isFile()) return "file";
  return entry.isSymbolicLink() ? "symlink" : "other";
}
