/**
 * What a repository elsewhere has: which commit a name means, and the objects of one commit, with as little history as its
 * server is willing to leave out. Knows nothing of what becomes of them.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isCommit, nearestNames } from "@cab/core";
import { errnoOf, fail } from "../failure.ts";
import { type GitEnded, type GitHost, type GitRun, runGit } from "./command.ts";

export interface Repository {
  /** Holds no user and no password. */
  readonly url: string;
  /** Becomes a bare repository of our own, that objects are fetched to. */
  readonly folder: string;
  readonly host: GitHost;
  readonly signal: AbortSignal;
  readonly onBytes: (received: number, total: number | null) => void;
}

/** Makes `folder` a repository for commits with names like this one. */
export async function initRepository(repository: Repository, commit: string): Promise<void> {
  mkdirSync(repository.folder, { recursive: true });
  const format = commit.length === 64 ? "sha256" : "sha1";
  const { ok, messages } = await git(repository, [
    "init",
    "--quiet",
    "--bare",
    "--template=",
    `--object-format=${format}`,
  ]);
  if (!ok) refuse(repository, messages);
}

async function git(repository: Repository, args: readonly string[], more: Partial<GitRun> = {}): Promise<GitEnded> {
  const { folder, host, signal } = repository;
  const ended = await runGit({ folder, args, host, signal, ...more });
  return ended.stopped ? refuse(repository, ended.messages) : ended;
}

/** Leaves with the repository's name, and what is wrong with it. */
export const refuse = ({ url }: Pick<Repository, "url">, reason: string): never =>
  fail({ _tag: "GitFailed", url, reason });

/** Characters of a list of references: some ten thousand lines for each megabyte. */
const MAX_LISTING = 64 * 2 ** 20;

/** References by their full names, those behind annotated tags with `^{}`. Patterns choose them by their last components. */
async function references(repository: Repository, patterns: readonly string[]): Promise<ReadonlyMap<string, string>> {
  mkdirSync(repository.folder, { recursive: true });
  let listing = "";
  const read = (chunk: Buffer): void => {
    listing += chunk.toString("latin1");
    if (listing.length > MAX_LISTING) refuse(repository, `it lists more than ${MAX_LISTING} bytes of references`);
  };
  const { ok, messages } = await git(repository, ["ls-remote", "--quiet", "--", repository.url, ...patterns], {
    read,
    // In a repository git takes it that the other one names its objects as this one does.
    outside: !existsSync(join(repository.folder, "HEAD")),
  });
  if (!ok) return refuse(repository, messages);
  const found = new Map<string, string>();
  for (const line of listing.split("\n")) {
    const [commit, name] = line.split("\t");
    if (commit !== undefined && name !== undefined && isCommit(commit)) found.set(name, commit);
  }
  return found;
}

/** The commit that a tag or branch means now; of a tag and a branch with one name the tag, as git has it. */
export async function resolveReference(repository: Repository, name: string): Promise<string> {
  const found = await references(repository, [name, `${name}^{}`]);
  for (const candidate of [name, `refs/${name}`, `refs/tags/${name}`, `refs/heads/${name}`]) {
    const commit = found.get(`${candidate}^{}`) ?? found.get(candidate);
    if (commit !== undefined) return commit;
  }
  const all = await references(repository, []);
  const short = [...all.keys()].flatMap((full) => /^refs\/(?:tags|heads)\/([^^]+)$/.exec(full)?.[1] ?? []);
  const nearest = nearestNames(name, new Set(short));
  const meant = nearest.length > 0 ? `; did you mean ${nearest.join(" or ")}?` : "";
  return refuse(repository, `it has no tag or branch ${name}${meant}`);
}

/**
 * Fetches one commit: alone, if the server gives commits by their names; else by a reference that stands at it, if one
 * does; else with all history.
 */
export async function fetchCommit(repository: Repository, commit: string): Promise<void> {
  const alone = await fetch(repository, ["--depth=1"], [commit]);
  if (alone.ok && (await hasCommit(repository, commit))) return;
  if (alone.ok) refuse(repository, `${commit} is no commit`);
  // Whoever speaks so looked for it: there is no use in asking for everything else.
  if (alone.messages.includes("not our ref")) vanished(repository, commit);
  // Fails, and says why, where it is not the commit but the whole repository that cannot be had.
  const known = await references(repository, []);
  const name = [...known].find(([, target]) => target === commit)?.[0].replace("^{}", "");
  if (name !== undefined) {
    const one = await fetch(repository, ["--depth=1"], [name]);
    if (one.ok && (await hasCommit(repository, commit))) return;
  }
  const all = await fetch(repository, [], ["+refs/heads/*:refs/cab/heads/*", "+refs/tags/*:refs/cab/tags/*"]);
  if (!all.ok) refuse(repository, all.messages);
  if (await hasCommit(repository, commit)) return;
  vanished(repository, commit);
}

const fetch = (repository: Repository, flags: readonly string[], refspecs: readonly string[]): Promise<GitEnded> => {
  const received = (): number => {
    const bytes = sizeOfPacks(repository.folder);
    if (bytes > 0) repository.onBytes(bytes, null);
    return bytes;
  };
  const args = [
    "fetch",
    "--progress",
    "--no-tags",
    "--no-recurse-submodules",
    ...flags,
    "--",
    repository.url,
    ...refspecs,
  ];
  return git(repository, args, { received });
};

const vanished = (repository: Repository, commit: string): never =>
  refuse(
    repository,
    `it has no commit ${commit} any more\nlook what became of it, then pin what its tag or branch means today: cab lock --update NAME`,
  );

async function hasCommit(repository: Repository, commit: string): Promise<boolean> {
  const type: Buffer[] = [];
  const { ok } = await git(repository, ["cat-file", "-t", commit], { read: (chunk) => void type.push(chunk) });
  return ok && Buffer.concat(type).toString() === "commit\n";
}

/** Bytes of the packs that lie there, those that are still arriving among them. */
export function sizeOfPacks(folder: string): number {
  const packs = join(folder, "objects/pack");
  let bytes = 0;
  try {
    for (const name of readdirSync(packs)) bytes += statSync(join(packs, name), { throwIfNoEntry: false })?.size ?? 0;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  return bytes;
}
