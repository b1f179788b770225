/** From a commit in a repository elsewhere to its files on disk, and their digest. What the builtin and `cab lock` share. */
import { rmSync } from "node:fs";
import type { UnpackLimits } from "../archives/budget.ts";
import { fail } from "../failure.ts";
import { digestTree } from "../tree/tree-digest.ts";
import { type Refuse, readableName } from "../tree/tree-writer.ts";
import { writeCommitTree } from "./commit-tree.ts";
import { fetchCommit, initRepository, type Repository, sizeOfPacks } from "./remote.ts";

export interface FetchedTree {
  /** What a fixed output promises of it. */
  readonly digest: string;
  /** In all files. */
  readonly bytes: number;
}

/** The commit's tree appears at `out`. */
export async function fetchTree(
  repository: Repository,
  commit: string,
  { out, limits }: { readonly out: string; readonly limits: UnpackLimits },
): Promise<FetchedTree> {
  const { url, folder, host, signal } = repository;
  const refuse: Refuse = (entry, reason) =>
    fail({
      _tag: "BadArchive",
      archive: `${url}, commit ${commit}`,
      entry: entry === null ? null : readableName(entry),
      reason,
    });
  await initRepository(repository, commit);
  await fetchCommit(repository, commit);
  const packed = sizeOfPacks(folder);
  const bytes = await writeCommitTree({ folder, commit, out, limits, packed, refuse, host, signal });
  rmSync(folder, { recursive: true });
  const digest = await digestTree(Buffer.from(out));
  if (digest === undefined) throw new Error("BUG: only files, directories and links were written");
  return { digest: digest.hash, bytes };
}
