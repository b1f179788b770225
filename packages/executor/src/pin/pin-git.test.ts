import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { encodeDirectory, type FetchRequest, fetchKey } from "@cab/core";
import { afterAll, expect, test } from "vitest";
import { DEFAULT_PATIENCE, network } from "../fetch/network.ts";
import { gitHost } from "../git/command.ts";
import { testRepository } from "../testing/git-repositories.ts";
import { openPinning, type PinHost } from "./pin.ts";

const folder = mkdtempSync(`${tmpdir()}/cab-pin-git-`);
const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1" };
const host: PinHost = {
  network: network(env),
  git: gitHost(env, DEFAULT_PATIENCE),
  signal: new AbortController().signal,
  debianMirrors: [],
  aptDir: `${folder}/none`,
  npm: { registry: undefined, env: {}, npmrc: [] },
  onUnverified: () => {},
};
const pinning = openPinning(host);
afterAll(async () => {
  pinning.close();
  await host.network.close();
  rmSync(folder, { recursive: true });
});

const repository = testRepository(`${folder}/r`);
const treeOf = (content: string) => repository.tree([{ mode: "100644", name: "f", object: repository.blob(content) }]);
const first = repository.commit(treeOf("1"));
repository.git("tag", "light", first);
repository.git("tag", "-a", "-m", "x", "v1.0", first);
repository.git("tag", "-a", "-m", "x", "again", "v1.0");
const second = repository.commit(treeOf("2"));
repository.git("branch", "v1.0", second);
repository.git("tag", "-a", "-m", "x", "files", `${second}^{tree}`);

const pinOf = async (revision: string, url = repository.url): Promise<unknown> => {
  const request: FetchRequest = { _tag: "Git", url, revision };
  const pinned = await pinning.pin([request])();
  return pinned._tag === "Left" ? pinned.left : pinned.right.get(fetchKey(request));
};

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
/** Of a directory with one file `f`, by core's own message. */
const digestOf = (content: string): string => {
  const digest = { hash: sha256(content), size: content.length };
  const file = { name: Buffer.from("f"), digest, executable: false };
  return sha256(encodeDirectory({ files: [file], directories: [], symlinks: [] }));
};
const [ONE, TWO] = [digestOf("1"), digestOf("2")];

test.each([
  ["a branch", "main", second, TWO],
  ["the default branch", "HEAD", second, TWO],
  ["a light tag", "light", first, ONE],
  ["an annotated tag, before a branch of its name", "v1.0", first, ONE],
  ["a tag of a tag", "again", first, ONE],
  ["a branch by its whole name", "refs/heads/v1.0", second, TWO],
  ["a commit", first, first, ONE],
])("%s is pinned as a commit and the digest of its files", async (_, revision, commit, digest) => {
  expect(await pinOf(revision)).toEqual({ _tag: "Git", commit, digest });
});

test("a repository of SHA-256 names too", async () => {
  const other = testRepository(`${folder}/sha256`, "sha256");
  const commit = other.commit(other.tree([{ mode: "100644", name: "f", object: other.blob("1") }]));
  expect(await pinOf("main", other.url)).toEqual({ _tag: "Git", commit, digest: ONE });
});

test("a branch that moved is pinned anew", async () => {
  const branch = (content: string): string => repository.commit(treeOf(content), "moving");
  const before = branch("1");
  expect(await pinOf("moving")).toEqual({ _tag: "Git", commit: before, digest: ONE });
  const after = branch("2");
  expect(await pinOf("moving")).toEqual({ _tag: "Git", commit: after, digest: TWO });
});

test("what is not there is told, with what may have been meant", async () => {
  expect(await pinOf("v1.1")).toEqual({
    _tag: "GitFailed",
    url: repository.url,
    reason: "it has no tag or branch v1.1; did you mean v1.0?",
  });
  expect(await pinOf("files")).toMatchObject({ _tag: "GitFailed", reason: expect.stringMatching(/is no commit$/) });
  expect(await pinOf("main", `file://${folder}/none`)).toMatchObject({ _tag: "GitFailed" });
  expect(existsSync(`${folder}/none`)).toBe(false);
});
