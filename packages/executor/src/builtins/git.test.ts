import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import {
  homeWithPassword,
  serveRepositories,
  type TestRepository,
  testRepository,
} from "../testing/git-repositories.ts";
import { fixedOutput, outputOf, type Rig, resultOf, rig } from "../testing/rig.ts";
import { digestTree } from "../tree/tree-digest.ts";

const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: "1" };
const rigs: Rig[] = [];
const rigOf = (options: Parameters<typeof rig>[0] = {}): Rig => {
  const one = rig({ ...options, env: { ...env, ...options.env } });
  rigs.push(one);
  return one;
};
const plain = rigOf();
afterAll(async () => {
  for (const one of rigs) await one.close();
});

let repositories = 0;
const newRepository = (format?: "sha256"): TestRepository =>
  testRepository(`${plain.folder}/repositories/r${repositories++}`, format);

/** What the sample commits hold, as a tree on disk made without git. */
const sample = `${plain.folder}/sample`;
mkdirSync(`${sample}/sub`, { recursive: true });
writeFileSync(`${sample}/README`, "read me\n");
writeFileSync(`${sample}/sub/run`, "#!/bin/sh\n");
chmodSync(`${sample}/sub/run`, 0o755);
symlinkSync("../README", `${sample}/sub/link`);
writeFileSync(Buffer.concat([Buffer.from(`${sample}/`), Buffer.from([0x66, 0xff])]), "not UTF-8\n");
// Nothing of these is obeyed: no filter, no line ends, no keyword.
writeFileSync(`${sample}/.gitattributes`, "* text eol=crlf ident\nREADME filter=evil\n");
const promised = (await digestTree(Buffer.from(sample)))?.hash as string;

function sampleTree({ blob, tree }: TestRepository): string {
  const sub = tree([
    { mode: "120000", name: "link", object: blob("../README") },
    { mode: "100755", name: "run", object: blob("#!/bin/sh\n") },
  ]);
  return tree([
    { mode: "100644", name: ".gitattributes", object: blob("* text eol=crlf ident\nREADME filter=evil\n") },
    { mode: "100644", name: "README", object: blob("read me\n") },
    { mode: "100644", name: "f\xff", object: blob("not UTF-8\n") },
    { mode: "040000", name: "sub", object: sub },
  ]);
}

const fetch = (url: string, commit: string, { using = plain, digest = promised, job = {} } = {}) =>
  using.build({ builder: "builtin:git@1", env: { url, commit }, outputs: fixedOutput("sha256", digest, "tree") }, job);

const isFetched = async (...args: Parameters<typeof fetch>): Promise<void> => {
  const result = await fetch(...args);
  if (result._tag === "Left") throw new Error(JSON.stringify(result.left, null, 2));
  expect((await digestTree(Buffer.from(result.right)))?.hash).toBe(promised);
};

/** A repository whose sample commit has another behind it. */
function history(format?: "sha256"): { repository: TestRepository; commit: string } {
  const repository = newRepository(format);
  repository.commit(repository.tree([{ mode: "100644", name: "old", object: repository.blob("old") }]));
  const commit = repository.commit(sampleTree(repository));
  repository.commit(repository.tree([{ mode: "100644", name: "new", object: repository.blob("new") }]));
  return { repository, commit };
}

describe("a commit's files come exactly as they were committed", () => {
  test("by its name alone, though no tag or branch stands at it", async () => {
    const { repository, commit } = history();
    await isFetched(repository.url, commit);
  });

  test("from a repository that names its objects by SHA-256", async () => {
    const { repository, commit } = history("sha256");
    expect(commit).toHaveLength(64);
    await isFetched(repository.url, commit);
  });

  test("from a server that gives no commit by its name: by a tag, else with all history", async () => {
    const old = rigOf({
      env: { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "protocol.version", GIT_CONFIG_VALUE_0: "0" },
    });
    const { repository, commit } = history();
    await isFetched(repository.url, commit, { using: old });
    repository.git("tag", "-a", "-m", "x", "v1", commit);
    await isFetched(repository.url, commit, { using: old });
  });

  test("with nothing left beside them", async () => {
    const { repository, commit } = history();
    const job = plain.job({
      builder: "builtin:git@1",
      env: { url: repository.url, commit },
      outputs: fixedOutput("sha256", promised, "tree"),
    });
    expect((await plain.executor.builder.build(job)())._tag).toBe("Right");
    expect(readdirSync(job.scratch.buildDir)).toEqual([]);
  });

  test("an empty tree among them", async () => {
    const repository = newRepository();
    const commit = repository.commit(repository.tree([]));
    mkdirSync(`${plain.folder}/empty`);
    const digest = (await digestTree(Buffer.from(`${plain.folder}/empty`)))?.hash as string;
    expect(resultOf(await fetch(repository.url, commit, { digest }))).toEqual({});
  });
});

describe("a repository cannot", () => {
  const refused = async (make: (of: TestRepository) => string): Promise<unknown> => {
    const repository = newRepository();
    return resultOf(await fetch(repository.url, repository.commit(make(repository))));
  };
  const file = (name: string) => (of: TestRepository) => of.tree([{ mode: "100644", name, object: of.blob("x") }]);
  const link = (target: string) => (of: TestRepository) =>
    of.tree([{ mode: "040000", name: "d", object: of.tree([{ mode: "120000", name: "l", object: of.blob(target) }]) }]);

  test.each<[string, (of: TestRepository) => string, string, RegExp]>([
    ["name a file ..", file(".."), "..", /leads out/],
    ["name a file ../x", file("../x"), "../x", /leads out/],
    ["name a file /x", file("/x"), "/x", /leads out/],
    ["name a file .", file("."), ".", /leads out/],
    ["bring a .git", file(".git"), ".git", /cannot be a name/],
    ["bring a .GIT", file(".GIT"), ".GIT", /cannot be a name/],
    ["have a name without end", file("n".repeat(300)), "n".repeat(300), /cannot be a name/],
    ["have a link to /", link("/etc/passwd"), "d/l", /leads out/],
    ["have a link that climbs out", link("../../x"), "d/l", /leads out/],
    ["have an empty link", link(""), "d/l", /empty/],
    ["have a link without end", link("x".repeat(5000)), "d/l", /too long/],
    [
      "have two files of one name",
      (of) => of.tree([1, 2].map((n) => ({ mode: "100644", name: "x", object: of.blob(String(n)) }))),
      "x",
      /twice/,
    ],
    [
      "write through a link",
      (of) =>
        of.tree([
          { mode: "120000", name: "x", object: of.blob("y") },
          { mode: "040000", name: "x", object: of.tree([{ mode: "100644", name: "z", object: of.blob("") }]) },
        ]),
      "x/z",
      /through x, a symlink/,
    ],
    [
      "pass a submodule off as files",
      (of) => of.tree([{ mode: "160000", name: "deps", object: "1".repeat(40) }]),
      "deps",
      /submodule.*gitSource/,
    ],
  ])("%s", async (_, make, entry, reason) => {
    expect(await refused(make)).toMatchObject({ _tag: "BadArchive", entry, reason: expect.stringMatching(reason) });
  });

  test("unpack to more than the bounds, by size, by number or by repetition", async () => {
    const repository = newRepository();
    const many = repository.tree(
      Array.from({ length: 10 }, (_, n) => ({
        mode: "100644",
        name: `f${n}`,
        object: repository.blob("x".repeat(99)),
      })),
    );
    let nested = many;
    for (let depth = 0; depth < 9; depth++) {
      nested = repository.tree(
        Array.from({ length: 10 }, (_, n) => ({ mode: "040000", name: `d${n}`, object: nested })),
      );
    }
    const small = rigOf({ unpackLimits: { bytes: 500, entries: 1000 } });
    const failure = async (tree: string) =>
      resultOf(await fetch(repository.url, repository.commit(tree, `b${tree}`), { using: small }));
    expect(await failure(many)).toMatchObject({ reason: expect.stringContaining("more than 500 bytes") });
    expect(await failure(nested)).toMatchObject({ reason: expect.stringContaining("more than 1000 entries") });
  });

  test("run anything: hooks of the user's neither", async () => {
    const { repository, commit } = history();
    const home = `${plain.folder}/hooked`;
    mkdirSync(`${home}/hooks`, { recursive: true });
    for (const hook of ["reference-transaction", "post-checkout"]) {
      writeFileSync(`${home}/hooks/${hook}`, `#!/bin/sh\ntouch ${home}/ran\n`, { mode: 0o755 });
    }
    writeFileSync(
      `${home}/.gitconfig`,
      `[core]\n\thooksPath = ${home}/hooks\n[init]\n\ttemplateDir = ${home}\n[filter "evil"]\n\tsmudge = touch ${home}/ran\n`,
    );
    await isFetched(repository.url, commit, { using: rigOf({ env: { HOME: home } }) });
    expect(existsSync(`${home}/ran`)).toBe(false);
  });

  test("be reached by a command, though the user's configuration says so", async () => {
    const home = `${plain.folder}/ext`;
    mkdirSync(home);
    writeFileSync(
      `${home}/.gitconfig`,
      `[protocol "ext"]\n\tallow = always\n[url "ext::touch ${home}/ran "]\n\tinsteadOf = https://example.org/\n`,
    );
    const result = await fetch("https://example.org/x", "1".repeat(40), { using: rigOf({ env: { HOME: home } }) });
    expect(resultOf(result)).toMatchObject({ _tag: "GitFailed", reason: expect.stringContaining("not allowed") });
    expect(existsSync(`${home}/ran`)).toBe(false);
  });
});

describe("what goes wrong is told", () => {
  test("a commit that is gone", async () => {
    const { repository } = history();
    const gone = "1".repeat(40);
    expect(resultOf(await fetch(repository.url, gone))).toEqual({
      _tag: "GitFailed",
      url: repository.url,
      reason: expect.stringMatching(new RegExp(`^it has no commit ${gone} any more\\n.*cab lock --update NAME$`)),
    });
  });

  test("a commit whose files are not those that were pinned", async () => {
    const { repository, commit } = history();
    const digest = "0".repeat(64);
    expect(resultOf(await fetch(repository.url, commit, { digest }))).toEqual({
      _tag: "DigestMismatch",
      url: `${repository.url}, commit ${commit}`,
      algo: "sha256",
      expected: digest,
      actual: promised,
      bytes: expect.any(Number),
    });
  });

  test("a name that is no commit's", async () => {
    const { repository } = history();
    const tree = repository.git("rev-parse", "main^{tree}");
    expect(resultOf(await fetch(repository.url, tree))).toMatchObject({ reason: `${tree} is no commit` });
  });

  test("a repository that is not there", async () => {
    expect(resultOf(await fetch(`file://${plain.folder}/nowhere`, "1".repeat(40)))).toMatchObject({
      _tag: "GitFailed",
      reason: expect.stringContaining("does not appear to be a git repository"),
    });
  });

  test("a host without git", async () => {
    const bare = rig({ env: { PATH: plain.folder } });
    rigs.push(bare);
    expect(resultOf(await fetch("file:///x", "1".repeat(40), { using: bare }))).toEqual({
      _tag: "ProgramMissing",
      program: "git",
      package: "git",
    });
  });

  test("a repository that sends more than its bound", async () => {
    const { repository, commit } = history();
    const using = rigOf({ patience: { maxBytes: 100 } });
    expect(resultOf(await fetch(repository.url, commit, { using }))).toEqual({
      _tag: "GitFailed",
      url: repository.url,
      reason: "it sends more than 100 bytes",
    });
  });

  test("a server that falls silent", async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    const impatient = rigOf({ patience: { silenceMilliseconds: 40 } });
    expect(resultOf(await fetch(url, "1".repeat(40), { using: impatient }))).toEqual({
      _tag: "GitFailed",
      url,
      reason: "nothing came for 0.4 s",
    });
    server.closeAllConnections();
    server.close();
  });

  test("nothing but a cancel, when it was cancelled", async () => {
    const server = createServer(() => controller.abort());
    const controller = new AbortController();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    const job = { signal: controller.signal };
    expect(resultOf(await fetch(url, "1".repeat(40), { job }))).toEqual({ _tag: "Cancelled" });
    server.closeAllConnections();
    server.close();
  });

  test("bad parameters, without the password", async () => {
    const { repository, commit } = history();
    for (const [url, what] of [
      ["https://me:s3cret@example.org/x", commit],
      ["https://s3cret@example.org/x", commit],
      ["ext::touch /tmp/x", commit],
      ["--upload-pack=touch", commit],
      [repository.url, "main"],
      [repository.url, "--all"],
    ] as const) {
      const result = resultOf(await fetch(url, what));
      expect(result).toMatchObject({ _tag: "BadArguments" });
      expect(JSON.stringify(result)).not.toContain("s3cret");
    }
  });
});

describe("a private repository", () => {
  test("is reached by its user's credential helper, whose secrets show nowhere", async () => {
    const { repository, commit } = history();
    const server = await serveRepositories(`${plain.folder}/repositories`, "s3cret");
    const url = `${server.url}/${repository.folder.split("/").at(-1)}`;
    const HOME = homeWithPassword(`${plain.folder}/home`, server.url, "s3cret");
    await isFetched(url, commit, { using: rigOf({ env: { HOME } }) });
    const without = resultOf(await fetch(url, commit));
    expect(without).toMatchObject({ _tag: "GitFailed", reason: expect.stringMatching(/could not read Username/) });
    // A token that the user's configuration puts into the URL, in git's own message.
    const rewriting = `${plain.folder}/rewriting`;
    mkdirSync(rewriting);
    writeFileSync(`${rewriting}/.gitconfig`, `[url "http://me:wr0ng@127.0.0.1:1/"]\n\tinsteadOf = ${server.url}/\n`);
    const failed = JSON.stringify(resultOf(await fetch(url, commit, { using: rigOf({ env: { HOME: rewriting } }) })));
    expect(failed).toContain("127.0.0.1:1");
    expect(failed).not.toContain("wr0ng");
    server.close();
  });
});

test("a failed fetch leaves no output", async () => {
  const { repository, commit } = history();
  const job = plain.job({
    builder: "builtin:git@1",
    env: { url: repository.url, commit: "1".repeat(40) },
    outputs: fixedOutput("sha256", promised, "tree"),
  });
  expect((await plain.executor.builder.build(job)())._tag).toBe("Left");
  expect(existsSync(outputOf(job))).toBe(false);
  expect(commit).toHaveLength(40);
});
