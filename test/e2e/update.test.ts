/** `cab update` through the real command, against an archive and a registry of the test's own. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestArchive, testArchive } from "../../packages/executor/src/testing/archive.ts";
import { cab, type Ended, realise, removeFolder, temporaryFolder, workspace } from "./support.ts";

const folder = temporaryFolder("update");
const root = join(folder, "root");
let archive: TestArchive;
let env: Record<string, string>;

/** The host's programs without gpgv, which would rightly refuse an archive that Debian has not signed. */
function pathWithoutGpgv(): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const directory of (process.env.PATH ?? "").split(":").filter(existsSync)) {
    for (const name of readdirSync(directory)) {
      if (name !== "gpgv" && !existsSync(join(bin, name))) symlinkSync(join(directory, name), join(bin, name));
    }
  }
  return bin;
}

beforeAll(async () => {
  archive = await testArchive();
  archive.suite("bookworm", {
    hello: ["hello_1.9+dfsg.orig.tar.gz", "hello_1.10+dfsg.orig.tar.gz", "hello_1.10+dfsg-1.debian.tar.xz"],
    twice: ["twice_1.orig.tar.gz", "twice_1-1.debian.tar.xz", "twice_2.orig.tar.gz"],
  });
  archive.suite("trixie", { hello: ["hello_2.0+dfsg.orig.tar.gz"] });
  archive.npm("left-pad", { "1.2.0": {}, "1.3.0": {}, "2.0.0-rc.1": {} });
  env = { PATH: pathWithoutGpgv(), CAB_DEBIAN_MIRROR: archive.url, npm_config_registry: archive.url };
});
afterAll(() => {
  archive.close();
  removeFolder(folder);
});

/** A package made of what `source` fetches. */
const BUILDER = `import { type AnyPackage, contentAddressed, definePackage } from "@cab/core";
export interface Spec { readonly name: string; readonly version: string; readonly source: (of: { version: string }) => AnyPackage; readonly inputs?: Record<string, AnyPackage> }
export const build = (spec: Spec) => definePackage(spec, () => ({
  name: spec.name + "-" + spec.version,
  builder: "/bin/sh",
  env: { src: spec.source(spec), inputs: Object.values(spec.inputs ?? {}) },
  rootfs: null,
  outputs: contentAddressed(["out"]),
}));
`;

let count = 0;
async function recipes(files: Readonly<Record<string, string>>): Promise<string> {
  const cwd = workspace(join(folder, `workspace-${count++}`), {
    "derivations/lib/build.ts": BUILDER,
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`derivations/${name}.ts`, text])),
  });
  const { code, stderr } = await cab(["lock"], { root, cwd, env });
  if (code !== 0) throw new Error(stderr);
  return cwd;
}
const update = (cwd: string, ...args: string[]): Promise<Ended> => cab(["update", ...args], { root, cwd, env });
const recipe = (cwd: string, name: string): string => readFileSync(join(cwd, `derivations/${name}.ts`), "utf8");
const keys = (cwd: string): string[] =>
  Object.keys(JSON.parse(readFileSync(join(cwd, "cab.lock"), "utf8")) as object).filter((key) => key !== "version");

const hello = (version: string): string => `import { debianSource } from "@cab/core";
import { build } from "./lib/build.ts";

export default build({
  name: "hello",
  version: "${version}",
  source: ({ version }) => debianSource({ package: "hello", file: \`hello_\${version}+dfsg.orig.tar.gz\` }),
});
`;
const user = `import { build } from "./lib/build.ts";
import hello from "./hello.ts";
export default build({ name: "user", version: "1", source: () => hello });
`;
const apart = `import { npmPackage } from "@cab/core";
export default npmPackage({ package: "left-pad", version: "1.2.0" });
`;

describe("a newer version", () => {
  test("is shown as a patch with what it rebuilds, and changes nothing", async () => {
    const cwd = await recipes({ hello: hello("1.9"), user, apart });
    const lock = readFileSync(join(cwd, "cab.lock"), "utf8");
    const { code, stdout, stderr } = await update(cwd, "hello");
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: `warning: this host has no gpgv or no keys of Debian's, so the signature of bookworm was not checked
hello: 1.9 → 1.10, from bookworm
would be rebuilt: hello, user
make this change with: cab update --write hello
`,
    });
    expect([recipe(cwd, "hello"), readFileSync(join(cwd, "cab.lock"), "utf8")]).toEqual([hello("1.9"), lock]);
    execFileSync("git", ["apply", "-"], { cwd, input: stdout });
    expect(recipe(cwd, "hello")).toBe(hello("1.10"));
  });

  test("is written, pinned, and what was pinned before is dropped", async () => {
    const cwd = await recipes({ hello: hello("1.9"), user, apart });
    chmodSync(join(cwd, "derivations/hello.ts"), 0o600);
    const { code, stderr } = await update(cwd, "--write", "hello", "apart");
    expect(code).toBe(0);
    expect(stderr).toContain("apart: 1.2.0 → 1.3.0, from the registry\n");
    expect(stderr).toContain("to be rebuilt: apart, hello, user\n");
    expect(recipe(cwd, "hello")).toBe(hello("1.10"));
    expect(statSync(join(cwd, "derivations/hello.ts")).mode & 0o777).toBe(0o600);
    expect(keys(cwd)).toEqual(["debian:bookworm/source/hello/hello_1.10+dfsg.orig.tar.gz", "npm:left-pad@1.3.0"]);
    expect(await cab(["lock", "--check", "--prune"], { root, cwd, env })).toMatchObject({ code: 0, stderr: "" });
    expect(await realise(["apart"], { root, cwd, env })).toMatchObject({ fetched: ["left-pad-1.3.0.tgz"] });
    expect(await update(cwd, "hello", "apart")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: expect.stringMatching(
        /apart: 1\.3\.0 is the newest in the registry\n.*hello: 1\.10 is the newest in bookworm\n$/s,
      ),
    });
  });

  test("of a later suite is taken when that is asked for, and the recipe then names the suite", async () => {
    const cwd = await recipes({ hello: hello("1.10") });
    expect((await update(cwd, "--suite", "trixie", "--write", "hello")).code).toBe(0);
    expect(recipe(cwd, "hello")).toBe(hello("2.0").replace("({ package", '({ suite: "trixie", package'));
    expect(keys(cwd)).toEqual(["debian:trixie/source/hello/hello_2.0+dfsg.orig.tar.gz"]);
  });
});

describe("what cannot be updated is said, with its place", () => {
  const failing = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const cwd = await recipes(files);
    const before = recipe(cwd, "it");
    const { code, stdout, stderr } = await update(cwd, "--write", "it");
    expect({ code, stdout, after: recipe(cwd, "it") }).toEqual({ code: 1, stdout: "", after: before });
    return stderr;
  };

  test("a version that is not one string", async () => {
    const computed = hello("1.9").replace('"1.9"', '["1", "9"].join(".")');
    expect(await failing({ it: computed })).toContain('derivations/it.ts: it has no version: "…" of its own');
  });

  test("two that could be meant", async () => {
    const two = `${hello("1.9")}export const other = { version: "2" };\n`;
    expect(await failing({ it: two })).toContain("derivations/it.ts:6, derivations/it.ts:9: which of these");
  });

  test("one that nothing which has an index follows from", async () => {
    const fixed = hello("1.9").replace(/\$\{version\}/, "1.9");
    expect(await failing({ it: fixed })).toMatch(/derivations\/it\.ts:6: no upstream file .*\n.*cab lock it\n/);
  });

  test("one that the recipe takes alone", async () => {
    const picky = hello("1.9").replace(
      "({ version }) =>",
      '({ version }) => version !== "1.9" ? (() => { throw new Error("no"); })() :',
    );
    expect(await failing({ it: picky })).toContain("derivations/it.ts:6: the recipe takes no other version");
  });

  test("a newer one in a suite that cannot be written into the recipe", async () => {
    const indirect = hello("1.10").replace("debianSource({ package", "debianSource({ ...{}, package");
    const cwd = await recipes({ it: indirect.replace("debianSource({", "(debianSource)({") });
    expect(await update(cwd, "--suite", "trixie", "it")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("derivations/it.ts:6: version 2.0 is in trixie, and which debianSource"),
    });
  });

  test("a file beside the upstream's that the newer version has not", async () => {
    const both = `import { debianSource } from "@cab/core";
import { build } from "./lib/build.ts";
const of = (file: string) => debianSource({ package: "twice", file });
export default build({
  name: "twice",
  version: "1",
  source: ({ version }) => of(\`twice_\${version}.orig.tar.gz\`),
  inputs: {},
  extra: ({ version }) => of(\`twice_\${version}-1.debian.tar.xz\`),
});
`;
    const builder = BUILDER.replace("src: spec.source(spec)", "src: [spec.source(spec), spec.extra(spec)]").replace(
      "readonly inputs",
      "readonly extra: (of: { version: string }) => AnyPackage; readonly inputs",
    );
    expect(await failing({ it: both, "lib/build": builder })).toContain(
      "it has no debian:bookworm/source/twice/twice_2-1.debian.tar.xz",
    );
  });

  test("a shipped recipe, and no name at all", async () => {
    const cwd = await recipes({ apart });
    expect(await update(cwd, "zlib")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is shipped with cab"),
    });
    expect(await update(cwd)).toMatchObject({ code: 2 });
  });
});
