/** A place for one build, as the store would make it. */
import { chownSync, mkdirSync } from "node:fs";
import { SANDBOX_USER, type Scratch } from "@cab/core";

/** `folder` may exist or not. As root, builders are another user, and must be able to write there. */
export function testScratch(folder: string): Scratch {
  const scratch: Scratch = { storeDir: `${folder}/store`, buildDir: `${folder}/build` };
  for (const directory of [scratch.storeDir, scratch.buildDir]) {
    mkdirSync(directory, { recursive: true });
    if (process.geteuid?.() === 0) chownSync(directory, SANDBOX_USER.uid, SANDBOX_USER.gid);
  }
  return scratch;
}
