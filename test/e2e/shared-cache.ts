/**
 * One binary cache for a whole run of the end to end tests: a file that has built something from nothing puts it there, and
 * a file whose subject is another takes it from there. Each works alone, too: what is not there is built.
 *
 * CAB_E2E_CACHE names one that is kept, for work on a single file.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    readonly cache: string;
  }
}

export default function shareCache(project: TestProject): () => void {
  const kept = process.env.CAB_E2E_CACHE;
  const cache = kept ?? mkdtempSync(join(tmpdir(), "cab-e2e-cache-"));
  project.provide("cache", cache);
  return () => {
    if (kept === undefined) rmSync(cache, { recursive: true, force: true });
  };
}
