import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { resultOf, rig } from "../testing/rig.ts";

const { build, close, folder, input } = rig();
afterAll(close);

const json = JSON.stringify;

function tree(name: string, files: Record<string, string>, links: Record<string, string> = {}) {
  const root = `${folder}/${name}`;
  for (const path of [...Object.keys(files), ...Object.keys(links)]) {
    mkdirSync(`${root}/${path.slice(0, Math.max(0, path.lastIndexOf("/")))}`, { recursive: true });
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(`${root}/${path}`, text);
  for (const [path, target] of Object.entries(links)) symlinkSync(target, `${root}/${path}`);
  return input(name, root);
}

const a = tree("a", { "bin/a": "A", "share/same": "S" }, { "lib/l": "x" });
const b = tree("b", { "bin/b": "B", "share/same": "S" }, { "lib/l": "x" });
const other = tree("other", { "bin/a": "not A" });
const union = (env: Record<string, string>) => build({ builder: "builtin:union@1", env });

test("trees merge; the files are the inputs' own", async () => {
  const env = { mode: "copy", trees: json([{ path: a }, { path: b }]), files: json({ "etc/x": { text: "X" } }) };
  const result = await union({ ...env, links: json({ sh: "bin/a" }) });
  expect(resultOf(result)).toEqual({
    bin: { a: "A", b: "B" },
    etc: { x: "X" },
    lib: { l: "-> x" },
    sh: "-> bin/a",
    share: { same: "S" },
  });
  expect(result._tag === "Right" && statSync(`${result.right}/bin/a`).ino).toBe(statSync(`${folder}/a/bin/a`).ino);
});

test("links lead to the store, and trees may stand below a place", async () => {
  expect(resultOf(await union({ mode: "link", trees: json([{ path: a, at: "opt/a" }]) }))).toEqual({
    opt: { a: { bin: { a: `-> ${a}/bin/a` }, lib: { l: `-> ${a}/lib/l` }, share: { same: `-> ${a}/share/same` } } },
  });
});

test("a file needs a place", async () => {
  writeFileSync(`${folder}/file`, "F");
  const file = input("file", `${folder}/file`);
  expect(resultOf(await union({ mode: "copy", trees: json([{ path: file, at: "bin/f" }]) }))).toEqual({
    bin: { f: "F" },
  });
  const reason = `${file} is no directory; say with "at" where it goes`;
  expect(resultOf(await union({ mode: "copy", trees: json([{ path: file }]) }))).toMatchObject({ reason });
});

test("what differs names both", async () => {
  for (const mode of ["copy", "link"]) {
    const reason = `"bin/a" differs between ${a} and ${other}`;
    expect(resultOf(await union({ mode, trees: json([{ path: a }, { path: other }]) }))).toMatchObject({ reason });
  }
  const declared = await union({ mode: "copy", trees: json([{ path: a }]), files: json({ "bin/a": { text: "" } }) });
  expect(resultOf(declared)).toMatchObject({ reason: `"bin/a" is declared, and stands in ${a} too` });
});

test("only declared inputs are read", async () => {
  const path = "/cab/store/00000000000000000000000000000000-foreign";
  const reason = `${path} is not among the derivation's inputs`;
  expect(resultOf(await union({ mode: "copy", trees: json([{ path }]) }))).toMatchObject({ reason });
});
