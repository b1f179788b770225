import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { compareUtf8, type Pin } from "@cab/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLock, renderLock } from "./lock.ts";
import { temporaryFolder, workspaceOf, writeFiles } from "./testing/fixture.ts";

const hex = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length }).map((all) => all.join(""));
const file = <A extends "sha256" | "sha512">(algo: A, length: number) =>
  fc.record({
    _tag: fc.constant("File" as const),
    url: fc.string(),
    size: fc.nat(),
    algo: fc.constant(algo),
    digest: hex(length),
  });
const commit = fc.record({ _tag: fc.constant("Git" as const), commit: fc.oneof(hex(40), hex(64)), digest: hex(64) });
const key = fc.string({ unit: "grapheme" });
const pins: fc.Arbitrary<Record<string, Pin>> = fc
  .tuple(
    fc.dictionary(key, fc.oneof(file("sha256", 64), file("sha512", 128))),
    fc.dictionary(
      key.map((rest) => `git:${rest}`),
      commit,
    ),
  )
  .map(([files, commits]) => ({ ...files, ...commits }));

const A = `"a": {"url":"u","size":1,"sha256":"${"0".repeat(64)}"},`;
const B = `"b": {"url":"u","size":1,"sha512":"${"0".repeat(128)}"},`;
const G = `"git:x#v1": {"commit":"${"1".repeat(40)}","tree":"${"2".repeat(64)}"},`;
const lockOf = (...lines: string[]): string => `{\n${lines.map((line) => `${line}\n`).join("")}"version":1}\n`;
const EXPECTED = 'expected "<key>": {"url":…,"size":…,"sha256" or "sha512":…} or {"commit":…,"tree":…}, and a comma';

describe("cab.lock", () => {
  it("reads back what it writes, which is JSON, one sorted pin a line", () => {
    fc.assert(
      fc.property(pins, (written) => {
        const text = renderLock(written);
        const parsed = parseLock(text, "cab.lock");
        if (parsed._tag === "Left") throw new Error(JSON.stringify(parsed.left));
        expect({ ...parsed.right }).toEqual({ ...written });
        expect(renderLock(parsed.right)).toBe(text);
        expect(text.split("\n")).toHaveLength(Object.keys(written).length + 3);
        const keys = Object.keys(JSON.parse(text) as object).filter((name) => name !== "version");
        const isIndex = (key: string): boolean => String(Number(key) >>> 0) === key;
        const ordered = keys.filter((key) => !isIndex(key));
        expect(ordered).toEqual([...ordered].sort(compareUtf8));
      }),
    );
  });

  it.each([
    ["", 1, "expected {"],
    [lockOf(A).replace(":1}", ":2}"), 3, 'expected "version":1} in the last line'],
    [lockOf(A).slice(0, -1), 3, "expected a newline at the end"],
    [lockOf(A).replace('"version":1}\n', ""), 2, 'expected "version":1} in the last line'],
    [lockOf(A.slice(0, -1), B), 2, EXPECTED],
    [lockOf(B, A), 3, "a is out of order"],
    [lockOf(A, A), 3, "a is pinned twice"],
    [lockOf("<<<<<<< HEAD", A, "=======", B, ">>>>>>> x"), 2, "an unresolved merge conflict"],
    [lockOf(A.replace('"sha256"', '"md5"')), 2, EXPECTED],
    [lockOf(A.replace(":1,", ":-1,")), 2, EXPECTED],
    [lockOf(A.replace("0000", "000")), 2, EXPECTED],
    [lockOf(A.replace('"}', '","more":1}')), 2, EXPECTED],
    [lockOf(A, G.replace('"}', '","more":1}')), 3, EXPECTED],
    [lockOf(A, G.replace("1111", "111")), 3, EXPECTED],
    [lockOf(A, G.replace("2222", "222")), 3, EXPECTED],
    [lockOf(A.replace('"a"', '"git:a"')), 2, EXPECTED],
    [lockOf(G.replace("git:", "")), 2, EXPECTED],
  ])("%j is refused", (text, line, reason) => {
    expect(parseLock(text, "cab.lock")).toEqual({
      _tag: "Left",
      left: { _tag: "BadLock", file: "cab.lock", line, reason },
    });
  });

  it("is named with its line when it stops an evaluation", async () => {
    const workspace = workspaceOf({ "derivations/app.ts": "", "cab.lock": lockOf(B, A) });
    expect(await workspace.failure("app")).toEqual({
      _tag: "BadLock",
      file: "cab.lock",
      line: 3,
      reason: "a is out of order",
    });
  });

  it("merges by git where two branches pin different things, beside one another excepted", () => {
    const folder = temporaryFolder();
    const git = (...args: string[]) => spawnSync("git", ["-C", folder, ...args], { env: GIT, encoding: "utf8" });
    const lock = (...names: string[]): string => {
      const pin: Pin = { _tag: "File", url: "u", size: 1, algo: "sha256", digest: "0".repeat(64) };
      return renderLock(Object.fromEntries(names.map((name) => [name, pin])));
    };
    const commit = (text: string): void => {
      writeFiles(folder, { "cab.lock": text });
      git("add", "cab.lock");
      git("commit", "--quiet", "-m", "x");
    };
    git("init", "--quiet", "--initial-branch=main");
    commit(lock("c", "f", "k", "p"));
    git("branch", "other");
    // The first and the last line, one in between, and one less.
    commit(lock("a", "c", "f", "h", "p", "z"));
    git("switch", "--quiet", "other");
    commit(lock("c", "d", "f", "k", "m", "p"));
    git("switch", "--quiet", "main");
    const merged = git("merge", "--no-edit", "other");
    // k is gone here and stands beside what is new there: the one place that a person has to look at.
    expect([merged.status, git("diff", "--name-only", "--diff-filter=U").stdout]).toEqual([1, "cab.lock\n"]);
    git("merge", "--abort");
    git("switch", "--quiet", "other");
    commit(lock("c", "d", "f", "k", "p"));
    git("switch", "--quiet", "main");
    expect(git("merge", "--no-edit", "other").status).toBe(0);
    expect(readFileSync(`${folder}/cab.lock`, "utf8")).toBe(lock("a", "c", "d", "f", "h", "p", "z"));
  });
});

const GIT = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.org",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.org",
};
