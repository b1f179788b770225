/** A fork of sqlite beside its upstream: one soname, not compatible, and each user gets the one it was written for. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHECKOUT, cab, type Ended, fromCache, realise, removeFolder, temporaryFolder } from "./support.ts";

const folder = temporaryFolder("forked-library");
const root = join(folder, "root");
const cwd = join(import.meta.dirname, "forked-library");
afterAll(() => removeFolder(folder));

let outputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
beforeAll(async () => {
  ({ outputs } = await realise(["both", "libc", "rows-fork", "rows-upstream", "sqlite", "sqlite-fork"], {
    root,
    cwd,
    args: fromCache(),
  }));
});

const path = (recipe: string): string => outputs[recipe]?.out ?? "";
const run = (program: string): Promise<Ended> => cab(["run", "both", program], { root, cwd });

/** Read by the leak check's own reader. */
const elf = (object: string, file: string): { readonly soname: string | null; readonly runpath: string } =>
  JSON.parse(
    execFileSync(
      "perl",
      [
        ...["-I", join(CHECKOUT, "derivations/lib/stdenv"), "-MElf", "-MJSON::PP", "-e"],
        "my $elf = Elf::parse(Elf::readFile($ARGV[0])); print encode_json({ map { $_ => $elf->{$_} } qw(soname runpath) })",
        join(root, "store", object.slice("/cab/store/".length), file),
      ],
      { encoding: "utf8" },
    ),
  );

test("programs find headers, pkg-config file and library of their own variant without a flag", async () => {
  const upstream = "header 3.40.1, library 3.40.1, pkg-config";
  const fork = "header 3.40.901, library 3.40.901, pkg-config";
  const ended = await Promise.all(["rows-upstream", "rows-upstream-plain", "rows-fork", "rows-fork-plain"].map(run));
  expect(ended.map(({ code, stdout }) => [code, stdout])).toEqual([
    [0, `${upstream} 3.40.1, step 100: 42\n`],
    [0, `${upstream} none, step 100: 42\n`],
    [0, `${fork} 3.40.901, step 110: 42\nrows are 110\n`],
    [0, `${fork} none, step 110: 42\nrows are 110\n`],
  ]);
});

test("both libraries have one name, and each program's run path leads to one of them", () => {
  const libc = `${path("libc")}/lib`;
  for (const [variant, user] of [
    ["sqlite", "rows-upstream"],
    ["sqlite-fork", "rows-fork"],
  ] as const) {
    expect(elf(path(variant), "lib/libsqlite3.so")).toEqual({ soname: "libsqlite3.so.0", runpath: libc });
    for (const program of [user, `${user}-plain`]) {
      expect(elf(path(user), `bin/${program}`)).toEqual({ soname: null, runpath: `${path(variant)}/lib:${libc}` });
    }
  }
});

test("a program that has both as inputs is refused before it is compiled, and both are named", async () => {
  const { code, stderr } = await cab(["realise", "rows-confused"], { root, cwd });
  expect(code).toBe(1);
  const [upstream, fork] = ["sqlite", "sqlite-fork"].map((of) => `${path(of)}/lib/libsqlite3.so.0.8.6`);
  expect(stderr).toContain(
    `conflict: two inputs have libsqlite3.so.0: ${upstream} and ${fork}; expected one; remedy: leave one out of inputs`,
  );
});

test("a program into whose process an input would bring the other is refused, and both are named", async () => {
  const { code, stderr } = await cab(["realise", "bridge-confused"], { root, cwd });
  expect(code).toBe(1);
  const [upstream, fork] = ["sqlite", "sqlite-fork"].map((of) => `${path(of)}/lib/libsqlite3.so.0.8.6`);
  expect(stderr).toMatch(
    new RegExp(
      `leak: out/bin/bridge: loads ${upstream} for .*/bin/bridge, but .*/libbridge.so was linked with ${fork}; expected one`,
    ),
  );
});
