/** Collection through the real command: what stays, what goes, beside running builds, and what comes back from a cache. */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { StorePath } from "@cab/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cab,
  type Ended,
  isRoot,
  type RealiseReport,
  realise,
  removeFolder,
  startCab,
  storeObjects,
  temporaryFolder,
  UNPRIVILEGED,
  workspace,
} from "./support.ts";

const WRITTEN = `import { concat, contentAddressed, definePackage } from "@cab/core";
export const written = (name: string, ...parts: any[]) =>
  definePackage({ name }, () => ({
    name,
    builder: "builtin:write@1",
    env: { text: concat(...parts) },
    rootfs: null,
    outputs: contentAddressed(["out"]),
  }));
`;

const recipe = (imports: readonly string[], value: string): string =>
  [...imports.map((name) => `import ${name} from "./${name}.ts";`), `export default ${value};`, ""].join("\n");

const writtenRecipe = (imports: readonly string[], args: string): string =>
  `import { written } from "./lib/written.ts";\n${recipe(imports, `written(${args})`)}`;

const RECIPES = {
  "derivations/lib/written.ts": WRITTEN,
  "derivations/library.ts": writtenRecipe([], '"library", "code"'),
  "derivations/app.ts": writtenRecipe(["library"], '"app", "needs ", library'),
  "derivations/other.ts": writtenRecipe([], '"other", "alone"'),
};

interface Collected {
  readonly generations: readonly string[];
  readonly objects: readonly StorePath[];
  readonly bytes: number;
  readonly freed: number;
}

/** As a user without privileges where the tests have some: the store's files are read-only to their owner too. */
const uid = isRoot ? UNPRIVILEGED : undefined;
const folder = temporaryFolder("collection", uid);
// The bundle is made by the checkout's owner; a user without privileges could not.
beforeAll(() => cab(["--version"], { root: null }));
afterAll(() => removeFolder(folder));

const options = (root: string, cwd: string) => ({ root, cwd, ...(uid === undefined ? {} : { uid }) });

async function collect(of: ReturnType<typeof options>, ...args: string[]): Promise<Collected> {
  const { code, stdout, stderr } = await cab(["gc", "--json", ...args], of);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const names = (paths: readonly string[]): string[] => paths.map((path) => path.slice("/cab/store/".length + 33)).sort();

describe("roots", () => {
  const cwd = workspace(join(folder, "roots"), RECIPES);
  const root = join(folder, "roots-store");
  const of = options(root, cwd);
  const result = join(folder, "result");
  const outOf = ({ outputs }: RealiseReport, name: string): string => outputs[name]?.out as string;

  test("keep what they lead to and all that it refers to; the rest goes, and what stays needs no work", async () => {
    const before = await realise(["app", "library", "other"], of);
    expect(await cab(["roots", "add", "app", result], of)).toMatchObject({ code: 0, stdout: `${result}\n` });
    expect(readlinkSync(result)).toBe(join(root, "store", outOf(before, "app").slice("/cab/store/".length)));
    const dry = await cab(["gc", "--dry-run"], of);
    expect(dry).toMatchObject({ code: 0, stdout: `${outOf(before, "other")}\n` });
    expect(storeObjects(root)).toHaveLength(3);
    expect(names((await collect(of)).objects)).toEqual(["other"]);
    expect(storeObjects(root)).toHaveLength(2);
    expect(await realise(["app"], of)).toMatchObject({ built: [], fetched: [], outputs: { app: before.outputs.app } });
  });

  test("are listed, and named for an object that they keep", async () => {
    const { outputs } = await realise(["app", "library"], of);
    const line = `${result} → ${outputs.app?.out}\n`;
    expect(await cab(["roots"], of)).toMatchObject({ code: 0, stdout: line });
    expect(await cab(["roots", outputs.library?.out as string], of)).toMatchObject({ code: 0, stdout: line });
    const json = await cab(["roots", "--json"], of);
    expect(JSON.parse(json.stdout)).toEqual([{ kind: "link", link: result, path: outputs.app?.out }]);
    const { outputs: free } = await realise(["other"], of);
    const nothing = await cab(["roots", free.other?.out as string], of);
    expect(nothing).toMatchObject({ code: 1, stdout: "", stderr: `nothing keeps ${free.other?.out}\n` });
  });

  test("that are removed keep nothing", async () => {
    rmSync(result);
    expect(await cab(["roots", "add", "library"], of)).toMatchObject({ code: 0 });
    expect(names((await collect(of)).objects)).toEqual(["app", "other"]);
    expect(await cab(["roots", "remove", "library"], of)).toMatchObject({ code: 0 });
    expect(await cab(["roots", "remove", "library"], of)).toMatchObject({ code: 1 });
    expect(names((await collect(of)).objects)).toEqual(["library"]);
    expect([storeObjects(root), readdirSync(join(root, "store/.links"))]).toEqual([[], []]);
  });

  test.each([
    [["gc", "app"], "gc takes no names"],
    [["gc", "--older-than", "soon"], "such as 30d"],
    [["gc", "--keep-generations", "few"], "give a whole number"],
    [["roots", "app"], "app is no store path"],
    [["roots", "add"], "add what?"],
  ])("mistakes on the command line: %j", async (args, message) => {
    const { code, stderr } = await cab(args, of);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});

test("what was collected comes back from a cache without a build: its realisation was not forgotten", async () => {
  const cwd = workspace(join(folder, "cache"), RECIPES);
  const of = options(join(folder, "cache-store"), cwd);
  const before = await realise(["app"], of);
  const cache = join(folder, "cache-of-binaries");
  expect(await cab(["push", cache, "app"], of)).toMatchObject({ code: 0 });
  expect(names((await collect(of)).objects)).toEqual(["app", "library"]);
  const again = await realise(["app"], { ...of, args: ["--from", cache] });
  expect(again).toMatchObject({ built: [], outputs: before.outputs });
  expect([...again.fetched].sort()).toEqual(["app", "library"]);
});

describe("beside a build", () => {
  let server: Server;
  let asked: Promise<ServerResponse>;
  const content = Buffer.from("a source");

  beforeAll(async () => {
    const { promise, resolve } = Promise.withResolvers<ServerResponse>();
    asked = promise;
    server = createServer((_, response) => resolve(response));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  });
  afterAll(() => void server.close());

  test("nothing goes that it has used or is about to use, however long it takes", async () => {
    const { port } = server.address() as AddressInfo;
    const sha256 = createHash("sha256").update(content).digest("hex");
    const cwd = workspace(join(folder, "beside"), {
      ...RECIPES,
      "derivations/slow.ts": `import { fetchUrl } from "@cab/core";\nconst source = fetchUrl("https://upstream.invalid/it");\n${writtenRecipe(["app"], '"slow", app, " of ", source')}`,
      "cab.lock": `{\n"https://upstream.invalid/it": {"url":"http://127.0.0.1:${port}/it","size":${content.length},"sha256":"${sha256}"},\n"version":1}\n`,
    });
    const root = join(folder, "beside-store");
    const of = options(root, cwd);
    await realise(["app", "other"], of);
    const building = startCab(["realise", "--json", "slow"], of);
    const response = await asked;
    expect(names((await collect(of)).objects)).toEqual(["other"]);
    const roots = await cab(["roots"], of);
    expect(roots.stdout).toMatch(/^a running cab .* → 1 object\n$/);
    response.end(content);
    const { code, stdout } = await building.ended;
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { built: ["slow"], fetched: ["it"] }]);
    expect(names((await collect(of)).objects)).toEqual(["app", "it", "library", "slow"]);
    expect([storeObjects(root), readdirSync(join(root, "var/processes"))]).toEqual([[], []]);
  });
});

describe("beside a build in the sandbox", () => {
  const root = join(folder, "sandbox-store");
  const cwd = workspace(join(folder, "sandbox"), {
    ...RECIPES,
    "derivations/it.ts": `import { contentAddressed, definePackage } from "@cab/core";
import seed from "@cab/derivations/toolchain/seed.ts";
import app from "./app.ts";
export default definePackage({ name: "it" }, () => ({
  name: "it",
  builder: "/bin/bash",
  args: ["-ec", "> started; until [ -e go ]; do sleep 0.1; done; { cat $app; echo; } > $out"],
  env: { PATH: "/usr/bin", app },
  rootfs: seed,
  outputs: contentAddressed(["out"]),
}));
`,
  });
  const of = options(root, cwd);

  /** The folder in which the builder runs, once it runs. */
  async function buildFolder(): Promise<string> {
    for (;;) {
      for (const name of existsSync(join(root, "store")) ? readdirSync(join(root, "store")) : []) {
        const build = join(root, "store", name, "build");
        if (name.endsWith("-it") && existsSync(join(build, "started"))) return build;
      }
      await sleep(50);
    }
  }

  const started = (ended: Promise<Ended>): Promise<string> =>
    Promise.race([buildFolder(), ended.then(({ stderr }) => Promise.reject(new Error(stderr)))]);

  test("its root file system, tools and inputs stay until it has ended, for a repair too, and then go", async () => {
    const building = startCab(["realise", "--json", "it"], of);
    const build = await started(building.ended);
    await realise(["other"], of);
    expect(names((await collect(of)).objects)).toContain("other");
    const kept = names(storeObjects(root).map((name) => `/cab/store/${name}`));
    expect(kept).toEqual(expect.arrayContaining(["app", "library", "sandbox", "seed"]));
    writeFileSync(join(build, "go"), "");
    const { code, stdout } = await building.ended;
    expect(code).toBe(0);
    const path = (JSON.parse(stdout) as RealiseReport).outputs.it?.out as string;
    const file = join(root, "store", path.slice("/cab/store/".length));
    chmodSync(file, 0o644);
    writeFileSync(file, "spoilt");
    const repairing = startCab(["repair", path], of);
    writeFileSync(join(await started(repairing.ended), "go"), "");
    expect(await repairing.ended).toMatchObject({ code: 0, stdout: `${path}\n` });
    expect(readFileSync(file, "utf8")).toMatch(/^needs /);
    await collect(of);
    expect(storeObjects(root)).toEqual([]);
  });
});
