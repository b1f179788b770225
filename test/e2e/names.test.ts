/** Names that nobody expects, through the real command: they are kept as they are, and do nothing to a terminal. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CabOptions, cab, fromCache, realise, removeFolder, temporaryFolder, workspace } from "./support.ts";
import { baseOf } from "./written.ts";

const folder = temporaryFolder("names");
beforeAll(() => cab(["--version"], { root: null }));
afterAll(() => removeFolder(folder));

/** As Bash writes them, as they lie on disk (a character for each byte), and as a person is to see them. */
const NAMES = [
  [String.raw`not\377utf8\376`, "not\xffutf8\xfe", String.raw`not\xffutf8\xfe`],
  [String.raw`two\nlines`, "two\nlines", String.raw`two\x0alines`],
  [String.raw`\033[2Jcleared`, "\x1b[2Jcleared", String.raw`\x1b[2Jcleared`],
  ["-rf", "-rf", "-rf"],
  ["a".repeat(255), "a".repeat(255), "a".repeat(255)],
] as const;

const SCRIPT = `import { contentAddressed, definePackage } from "@cab/core";
import seed from "@cab/derivations/toolchain/seed.ts";
import needed from "../needed.ts";
const names = ${JSON.stringify(NAMES.map(([bash]) => bash))};
const lines = names.map((name) => \`echo "$needed" > "./$(printf -- '\${name}')"\`);
export const odd = (last: string) => definePackage({ name: "odd" }, () => ({
  name: "odd",
  builder: "/bin/bash",
  args: ["-ec", ['mkdir "$out"; cd "$out"', ...lines, \`echo \${last} > ./$(printf "changed\\\\033[7m")\`].join("\\n")],
  env: { PATH: "/usr/bin", needed },
  rootfs: seed,
  outputs: contentAddressed(["out"]),
}));
`;
const NEEDED = `import { contentAddressed, definePackage } from "@cab/core";
export default definePackage({ name: "needed" }, () => ({
  name: "needed", builder: "builtin:write@1", env: { text: "x" }, rootfs: null, outputs: contentAddressed(["out"]),
}));
`;
const recipe = (last: string): string => `import { odd } from "./lib/odd.ts";\nexport default odd("${last}");\n`;

const cwd = workspace(join(folder, "workspace"), {
  "derivations/lib/odd.ts": SCRIPT,
  "derivations/needed.ts": NEEDED,
  "derivations/odd.ts": recipe("one"),
  "derivations/newer.ts": recipe("two"),
});

/** Names in a directory, a character for each byte. */
const namesIn = (directory: string): string[] =>
  readdirSync(directory, { encoding: "buffer" }).map((name) => name.toString("latin1"));

const said = async (
  args: readonly string[],
  options: CabOptions,
): Promise<{ readonly code: number | null; readonly text: string }> => {
  const { code, stdout, stderr } = await cab(args, options);
  // Whatever a name holds, nothing reaches a terminal but lines of printable characters.
  expect(`${stdout}${stderr}`).toMatch(/^[\n\x20-\x7e\u00a0-\uffff]*$/);
  return { code, text: stdout };
};

test("of files in objects: built, exported and imported, verified, measured, explained and compared", async () => {
  const here = { root: join(folder, "here"), cwd };
  const { outputs } = await realise(["odd", "newer"], { ...here, args: fromCache() });
  const path = outputs.odd?.out as string;
  const expected = [...NAMES.map(([, onDisk]) => onDisk), "changed\x1b[7m"].sort();
  expect(namesIn(join(here.root, "store", baseOf(path))).sort()).toEqual(expected);

  const stream = join(folder, "stream");
  expect(await cab(["export", "odd"], { ...here, stdout: stream })).toMatchObject({ code: 0 });
  const there = { root: join(folder, "there"), cwd };
  expect(await cab(["import", "--trust-realisations"], { ...there, stdin: stream })).toMatchObject({ code: 0 });
  expect(namesIn(join(there.root, "store", baseOf(path))).sort()).toEqual(expected);

  expect(await said(["verify", "--contents"], there)).toEqual({ code: 0, text: "" });
  expect((await said(["size", path], there)).code).toBe(0);
  const why = await said(["why", path, "needed"], here);
  expect(why.code).toBe(0);
  for (const [, , shown] of NAMES) expect(why.text).toContain(`  ${shown}: byte 11\n`);
  const diff = await said(["diff", "--files", "odd", "newer"], here);
  expect([diff.code, diff.text]).toEqual([0, expect.stringContaining(String.raw`~ changed\x1b[7m`)]);

  // Every name is damaged, and named so that it can be read.
  execFileSync("find", [join(there.root, "store", baseOf(path)), "-type", "f", "-exec", "chmod", "600", "{}", "+"]);
  const damaged = await said(["verify"], there);
  expect(damaged.code).toBe(1);
  for (const [, , shown] of NAMES) expect(damaged.text).toContain(`${path}/${shown}\n  expected: mode 0444`);
  expect(await said(["repair"], there)).toMatchObject({ code: 0, text: expect.stringContaining(path) });
  expect(await said(["verify", "--contents"], there)).toEqual({ code: 0, text: "" });
  execFileSync("mkdir", [join(there.root, "store", "foreign\x1b[2J\n")]);
  expect(await said(["verify"], there)).toMatchObject({
    code: 1,
    text: expect.stringContaining(String.raw`foreign\x1b[2J\x0a`),
  });
});
