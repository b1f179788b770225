/** `cab lock` and what it pins, through the real command: git repositories, what is missing, what nothing uses. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { CHECKOUT, cab, type Ended, realise, removeFolder, temporaryFolder, workspace } from "./support.ts";

const folder = temporaryFolder("lock");
const root = join(folder, "root");
afterAll(() => removeFolder(folder));

let count = 0;
const recipes = (files: Readonly<Record<string, string>>): string =>
  workspace(join(folder, `workspace-${count++}`), {
    "derivations/lib/none.ts": "",
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`derivations/${name}.ts`, text])),
  });
const lock = (cwd: string, ...args: string[]): Promise<Ended> => cab(["lock", ...args], { root, cwd });
const lockText = (cwd: string): string => readFileSync(join(cwd, "cab.lock"), "utf8");
const pinned = (cwd: string): string[] =>
  existsSync(join(cwd, "cab.lock"))
    ? Object.keys(JSON.parse(lockText(cwd)) as object).filter((key) => key !== "version")
    : [];

const git = (repository: string, ...args: string[]): string =>
  execFileSync("git", ["-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.org", ...args], {
    encoding: "utf8",
  }).trim();

/** A repository with one commit, tagged v1. */
function repositoryAt(path: string): string {
  execFileSync("git", ["init", "--quiet", "--initial-branch=main", path]);
  writeFileSync(join(path, "README"), "one\n");
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff])]), "a name that is not UTF-8\n");
  git(path, "add", ".");
  git(path, "commit", "--quiet", "-m", "x");
  git(path, "tag", "-a", "-m", "x", "v1");
  return path;
}

const fetching = (url: string, ref: string): string =>
  `import { gitSource } from "@cab/core";\nexport default gitSource({ url: "file://${url}", ref: "${ref}" });\n`;

describe("a git repository", () => {
  const repository = repositoryAt(join(folder, "hello.git"));

  test("is pinned, fetched once, and not again from elsewhere or under another name of the same files", async () => {
    const cwd = recipes({ it: fetching(repository, "v1") });
    const before = await cab(["realise", "it"], { root, cwd });
    expect(before).toMatchObject({ code: 1, stderr: expect.stringContaining("remedy: cab lock") });
    expect(before.stderr).toContain(`  git:file://${repository}#v1, wanted by it\n`);
    expect(await lock(cwd)).toMatchObject({ code: 0, stdout: `pinned git:file://${repository}#v1\n` });
    const { outputs, fetched } = await realise(["it"], { root, cwd });
    expect(fetched).toEqual(["hello"]);
    expect(
      readFileSync(join(root, "store", outputs.it?.out?.slice("/cab/store/".length) ?? "", "README"), "utf8"),
    ).toBe("one\n");
    const moved = join(folder, "moved/hello.git");
    cpSync(repository, moved, { recursive: true });
    writeFileSync(join(cwd, "derivations/it.ts"), fetching(moved, "main"));
    expect((await lock(cwd)).code).toBe(0);
    rmSync(moved, { recursive: true });
    expect(await realise(["it"], { root, cwd })).toMatchObject({ outputs, fetched: [], built: [] });
  });

  test("whose branch moves stays what it was, until it is pinned anew", async () => {
    const cwd = recipes({ it: fetching(repository, "main"), other: fetching(repository, "v1") });
    await lock(cwd);
    const before = lockText(cwd);
    const { outputs } = await realise(["it"], { root, cwd });
    writeFileSync(join(repository, "README"), "two\n");
    git(repository, "commit", "--quiet", "-a", "-m", "y");
    await lock(cwd);
    expect(lockText(cwd)).toBe(before);
    expect(await lock(cwd, "--check", "--update")).toMatchObject({ code: 1 });
    expect(lockText(cwd)).toBe(before);
    expect(await lock(cwd, "--update")).toMatchObject({ code: 0, stdout: `changed git:file://${repository}#main\n` });
    expect(lockText(cwd)).toContain(git(repository, "rev-parse", "main"));
    const after = await realise(["it"], { root, cwd });
    expect(after).toMatchObject({ fetched: ["hello"] });
    expect(after.outputs).not.toEqual(outputs);
    expect(await cab(["eval", "--explain", "other"], { root, cwd })).toMatchObject({ code: 0 });
    writeFileSync(join(cwd, "cab.lock"), before);
    expect((await cab(["eval", "--explain", "other"], { root, cwd })).stderr).toBe("remembered\n");
    await cab(["eval", "it"], { root, cwd });
    await lock(cwd, "--update");
    expect((await cab(["eval", "--explain", "it"], { root, cwd })).stderr).toBe(
      `evaluated: the pin of git:file://${repository}#main changed\n`,
    );
  });

  test("with a password in its URL is refused, and the password told to nobody", async () => {
    const cwd = recipes({
      it: `import { gitSource } from "@cab/core";\nexport default gitSource({ url: "https://me:s3cret@127.0.0.1/x" });\n`,
    });
    for (const args of [["lock"], ["realise", "it"], ["eval", "--json", "it"]]) {
      const ended = await cab(args, { root, cwd });
      expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("credential helper") });
      expect(ended.stdout + ended.stderr).not.toContain("s3cret");
    }
    expect(pinned(cwd)).toEqual([]);
    const { status, stdout } = spawnSync("grep", ["-ral", "s3cret", root, join(cwd, "cab.lock")], { encoding: "utf8" });
    expect({ found: stdout, status: status === 0 }).toEqual({ found: "", status: false });
  });
});

describe("the lock file", () => {
  const server = createServer((_, response) => void response.end("x"));
  const url = new Promise<string>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
  afterAll(() => void server.close());
  const fetchUrl = (of: string): string =>
    `import { fetchUrl } from "@cab/core";\nexport default fetchUrl(${JSON.stringify(of)});\n`;

  test("gets what is missing, all of it told at once, and loses by --prune alone what nothing uses", async () => {
    const base = await url;
    const cwd = recipes({ a: fetchUrl(`${base}/a`), b: fetchUrl(`${base}/b`) });
    const missing = [`not pinned: ${base}/a, wanted by a`, `not pinned: ${base}/b, wanted by b`];
    expect(await lock(cwd, "--check")).toMatchObject({
      code: 1,
      stderr: `${missing.join("\n")}\npin them with: cab lock\n`,
    });
    expect(pinned(cwd)).toEqual([]);
    expect((await lock(cwd, "a")).code).toBe(0);
    expect(pinned(cwd)).toEqual([`${base}/a`]);
    expect((await lock(cwd)).code).toBe(0);
    expect(await lock(cwd, "--check", "--prune")).toMatchObject({ code: 0, stderr: "" });
    rmSync(join(cwd, "derivations/a.ts"));
    expect(await lock(cwd, "--check")).toMatchObject({
      code: 0,
      stderr: `not used: ${base}/a\nremove what is not used with: cab lock --prune\n`,
    });
    expect(await lock(cwd, "--check", "--prune")).toMatchObject({ code: 1, stderr: `not used: ${base}/a\n` });
    expect(pinned(cwd)).toEqual([`${base}/a`, `${base}/b`]);
    expect(await lock(cwd, "--prune", "b")).toMatchObject({ code: 2 });
    expect((await lock(cwd, "--prune")).stderr).toContain(`removed: ${base}/a\n`);
    expect(pinned(cwd)).toEqual([`${base}/b`]);
  });

  test("of a user's workspace repeats nothing that the shipped one says", async () => {
    const shipped = readFileSync(join(CHECKOUT, "derivations/cab.lock"), "utf8").split("\n");
    const line = shipped.find((text) => text.startsWith('"debian:bookworm/source/zlib/')) as string;
    const key = JSON.parse(line.slice(0, line.indexOf(": {"))) as string;
    const cwd = recipes({
      it: 'import zlib from "@cab/derivations/libraries/zlib.ts";\nexport default zlib.with({});\n',
    });
    expect(await lock(cwd)).toMatchObject({ code: 0, stdout: "" });
    expect(existsSync(join(cwd, "cab.lock"))).toBe(false);
    const elsewhere = `"debian:bookworm/${process.arch === "x64" ? "arm64" : "amd64"}/bash": ${line.slice(line.indexOf("{"))}`;
    const repeated = `{\n${elsewhere}\n${line}\n"version":1}\n`;
    writeFileSync(join(cwd, "cab.lock"), repeated);
    expect(await lock(cwd, "--check", "--prune")).toMatchObject({ code: 1, stderr: `not used: ${key}\n` });
    await lock(cwd);
    expect(lockText(cwd)).toBe(repeated);
    await lock(cwd, "--prune");
    expect(lockText(cwd)).toBe(`{\n${elsewhere}\n"version":1}\n`);
  });

  test("is written in a workspace only", async () => {
    const ended = await cab(["lock"], { root, cwd: folder });
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("there is no workspace here") });
  });
});
