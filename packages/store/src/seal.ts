/**
 * The last steps of a tree on disk before it is synced: directories get their final mode, owner and time, and the tree
 * moves beside the objects. Knows nothing of what is in it.
 */
import { chmodSync, lchownSync, renameSync, utimesSync } from "node:fs";
import { OBJECT_TIME, type Owner } from "./settle.ts";
import { fileAt, type TreeNode, walkNodes } from "./tree.ts";

function sealDirectory(directory: Buffer, owner: Owner | null): void {
  if (owner !== null) lchownSync(directory, owner.uid, owner.gid);
  chmodSync(directory, 0o555);
  utimesSync(directory, OBJECT_TIME, OBJECT_TIME);
}

/**
 * Moves the tree at `file` to `staged`, a temporary name in the objects' own directory. The root is sealed behind the
 * move: a directory that its owner may not write cannot change its parent, but can be renamed within it.
 */
export function stageTree(file: string, staged: string, root: TreeNode, owner: Owner | null): void {
  for (const node of walkNodes(root)) {
    if (node._tag === "Directory" && node !== root) sealDirectory(fileAt(file, node.path), owner);
  }
  renameSync(file, staged);
  if (root._tag === "Directory") sealDirectory(Buffer.from(staged), owner);
}
