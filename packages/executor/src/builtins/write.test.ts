import { lstatSync, readlinkSync, statSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { resultOf, rig } from "../testing/rig.ts";

const { build, close } = rig();
afterAll(close);

const json = JSON.stringify;
const bad = (reason: string) => ({ _tag: "BadArguments", builtin: "builtin:write@1", reason });

test("files and links become a tree", async () => {
  const files = { "bin/run": { text: "#!/bin/sh\n", executable: true }, "./etc//x": { base64: "AAE=" } };
  const links = { "lib/a": "../b", "lib/c": "/cab/store" };
  const directories = ["bin", "var/empty"];
  const env = { files: json(files), links: json(links), directories: json(directories) };
  const result = await build({ env });
  expect(resultOf(result)).toEqual({
    bin: { "run*": "#!/bin/sh\n" },
    etc: { x: "\0\x01" },
    lib: { a: "-> ../b", c: "-> /cab/store" },
    var: { empty: null },
  });
});

test("text, or the path of nothing, makes the output a file or a link", async () => {
  expect(resultOf(await build({ env: { text: "hello" } }))).toBe("hello");
  const run = await build({ env: { files: json({ "": { text: "x", executable: true } }) } });
  expect(run._tag === "Right" && statSync(run.right).mode & 0o777).toBe(0o755);
  const link = await build({ env: { links: json({ "": "/nowhere" }) } });
  expect(link._tag === "Right" && lstatSync(link.right).isSymbolicLink() && readlinkSync(link.right)).toBe("/nowhere");
});

test("whatever leads out, clashes or is misspelt is refused", async () => {
  const file = { text: "" };
  const cases: [Record<string, string>, string][] = [
    [{ files: json({ "../x": file }) }, '"../x" leads out of the output'],
    [{ files: json({ "/x": file }) }, '"/x" leads out of the output'],
    [{ files: json({ "a/../x": file }) }, '"a/../x" leads out of the output'],
    [{ files: json({ a: file, "a/b": file }) }, '"a/b": it would be written through a, a file'],
    [{ files: json({ a: file, "./a": file }) }, '"./a" stands there twice'],
    [{ files: json({ a: file }), links: json({ a: "b" }) }, '"a" is both a file and a link'],
    [
      { links: json({ a: "/etc" }), files: json({ a: { text: "", base64: "" } }) },
      'the file "a" needs either "text" or "base64"',
    ],
    [{ files: json({ a: { text: "", mode: 4 } }) }, 'the file "a" knows no "mode"'],
    [{ files: json({ a: { base64: "%" } }) }, 'the file "a" is not canonical base64'],
    [{ files: "[]" }, '"files" must be a JSON object'],
    [{ file: "{}" }, 'it knows no "file"; it takes files, links, directories, text'],
    [{ text: "x", files: json({ a: file }) }, 'it takes either "text" or "files", "links" and "directories"'],
    [{ files: json({ "": file, a: file }) }, 'where "" is the output itself, nothing can stand beside it'],
  ];
  for (const [env, reason] of cases) expect(resultOf(await build({ env }))).toEqual(bad(reason));
});

test("a link is no way out: nothing is written through it", async () => {
  const files = { "out/x": { text: "" } };
  const env = { links: json({ out: "/tmp" }), files: json(files) };
  expect(resultOf(await build({ env }))).toEqual(
    bad('"out": it is a symlink here, and a directory stands under this name already'),
  );
});

test("an unknown builtin names those that there are", async () => {
  const reason =
    "this cab knows builtin:fetch@1, builtin:git@1, builtin:local@1, builtin:union@1, builtin:unpack@1, builtin:write@1";
  const result = await build({ builder: "builtin:write@9" });
  expect(resultOf(result)).toEqual({ _tag: "BadArguments", builtin: "builtin:write@9", reason });
});

test("outputs and arguments other than its own are refused", async () => {
  const ca = { _tag: "ContentAddressed" } as const;
  expect(resultOf(await build({ outputs: { out: ca, dev: ca } }))).toEqual(
    bad('it has one output, "out"; found out, dev'),
  );
  expect(resultOf(await build({ args: ["x"] }))).toEqual(bad("it takes no arguments, only an environment"));
});
