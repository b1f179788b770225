/**
 * Writes final hashes where scratch hashes stand, in a tree that is still a build's own. Knows which bytes to replace;
 * not why, nor what the object is called.
 */
import { chmodSync, rmSync, symlinkSync } from "node:fs";
import { writePatches } from "./file-bytes.ts";
import { patchedTarget, patchesFor, type Replacements } from "./naming.ts";
import { normaliseFile, normaliseSymlink, type Owner } from "./settle.ts";
import { fileAt, type TreeNode, walkNodes } from "./tree.ts";

/** Every entry with an occurrence gets its final bytes, mode, owner and time. */
export function rewriteTree(file: string, root: TreeNode, replacements: Replacements, owner: Owner | null): void {
  for (const node of walkNodes(root)) {
    if (node._tag === "Directory" || node.occurrences.length === 0) continue;
    const entry = fileAt(file, node.path);
    const patches = patchesFor(node.occurrences, replacements);
    if (node._tag === "Symlink") {
      rmSync(entry);
      symlinkSync(patchedTarget(node.target, patches), entry);
      normaliseSymlink(entry, owner);
      continue;
    }
    // `settleTree` gave a file of several names its own inode, so no other name sees this.
    chmodSync(entry, 0o600);
    writePatches(entry, patches);
    normaliseFile(entry, node.executable, owner);
  }
}
