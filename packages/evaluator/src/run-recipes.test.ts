import { spawn } from "node:child_process";
import { statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isLeft } from "fp-ts/lib/Either.js";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { localReader } from "./local.ts";
import { readLocks } from "./lock.ts";
import { type ModuleMemo, moduleMemo } from "./module-memo.ts";
import { readLog } from "./observe.ts";
import { chooseRecipes } from "./recipes.ts";
import { type Ran, type RunOptions, runBundle, runRecipes } from "./run-recipes.ts";
import { type Fixture, memoryMemo, temporaryFolder, USE_THING, workspaceOf } from "./testing/fixture.ts";
import { findWorkspaces } from "./workspace.ts";

/** What the real esbuild was asked to do. */
const asked = vi.hoisted(() => ({ transforms: [] as (string | undefined)[], builds: 0 }));
vi.mock("esbuild", async (original) => {
  const real = await original<typeof import("esbuild")>();
  const transform: typeof real.transform = (input, options) => {
    asked.transforms.push(options?.sourcefile);
    return real.transform(input, options);
  };
  const build: typeof real.build = (options) => {
    asked.builds++;
    return real.build(options);
  };
  return { ...real, transform, build };
});

const work = (): { transforms: (string | undefined)[]; builds: number } => {
  const done = { transforms: asked.transforms.sort(), builds: asked.builds };
  Object.assign(asked, { transforms: [], builds: 0 });
  return done;
};

beforeEach(() => void work());

const APP = {
  "derivations/app.ts": `${USE_THING}\nimport { b } from "./b.ts";\nexport default thing("app", b);\n`,
  "derivations/b.ts": `${USE_THING}\nexport const b = thing("b");\nexport default b;\n`,
};
const ALL = ["derivations/app.ts", "derivations/b.ts", "derivations/lib/thing.ts"];

const rootOf = async (workspace: Fixture, ...names: string[]) => (await workspace.evaluation(...names)).roots[0]?.drv;

describe("modules are transformed", () => {
  it("once, and again only where their text changed", async () => {
    const workspace = workspaceOf(APP);
    const first = await rootOf(workspace, "app");
    expect(work()).toEqual({ transforms: ALL, builds: 1 });
    workspace.write({ "derivations/b.ts": APP["derivations/b.ts"].replace('"b"', '"c"') });
    expect(await rootOf(workspace, "app")).not.toBe(first);
    expect(work()).toEqual({ transforms: ["derivations/b.ts"], builds: 0 });
    workspace.write(APP);
    expect(await rootOf(workspace, "app")).toBe(first);
    expect(work()).toEqual({ transforms: ["derivations/b.ts"], builds: 0 });
  });

  it("and forgotten if what they say is wrong", async () => {
    const memo = memoryMemo();
    const workspace = workspaceOf({ ...APP, "derivations/b.ts": "export const b = wrong();\n" }, { memo });
    expect(await workspace.failure("app")).toMatchObject({ _tag: "RecipeThrew", name: "ReferenceError" });
    expect(memo.values.size).toBe(0);
  });

  it("for all recipes that import them", async () => {
    const workspace = workspaceOf({
      ...APP,
      "derivations/other.ts": `import { b } from "./b.ts";\nexport default b;\n`,
    });
    await workspace.evaluation("app");
    work();
    await workspace.evaluation("other");
    expect(work()).toEqual({ transforms: ["derivations/other.ts"], builds: 0 });
    await workspace.evaluation("app", "other");
    expect(work()).toEqual({ transforms: [], builds: 0 });
  });

  it("anew where size and time of a changed file are as they were", async () => {
    const workspace = workspaceOf(APP);
    const first = await rootOf(workspace, "app");
    const file = join(workspace.root, "derivations/b.ts");
    const { atime, mtime, size } = statSync(file);
    writeFileSync(file, APP["derivations/b.ts"].replace('"b"', '"c"'));
    utimesSync(file, atime, mtime);
    expect(statSync(file).size).toBe(size);
    expect(await rootOf(workspace, "app")).not.toBe(first);
  });

  it("not for a touch", async () => {
    const workspace = workspaceOf(APP);
    await workspace.evaluation("app");
    work();
    utimesSync(join(workspace.root, "derivations/b.ts"), new Date(0), new Date(0));
    await workspace.evaluation("app", "b");
    expect(work()).toEqual({ transforms: [], builds: 0 });
  });

  it("anew by another version, bundler included, and after damage", async () => {
    const memo = memoryMemo();
    const workspace = workspaceOf(APP, { memo });
    const first = await rootOf(workspace, "app");
    work();
    const { evaluate } = await import("./evaluate.ts");
    await evaluate({ ...workspace.options, version: "other" }, ["app"])();
    expect(work()).toEqual({ transforms: ALL, builds: 1 });
    for (const damage of [(bytes: Uint8Array) => bytes.slice(0, -1), flipped, () => new Uint8Array()]) {
      for (const [key, value] of memo.values) {
        if (key.endsWith(".modules")) memo.values.set(key, damage(value));
        else memo.values.delete(key);
      }
      expect(await rootOf(workspace, "app")).toBe(first);
      expect(work()).toEqual({ transforms: ALL, builds: 1 });
    }
  });

  it("by two processes at once, each for itself", async () => {
    const workspace = workspaceOf(APP);
    const folder = temporaryFolder();
    const script = `
      const { evaluate } = await import(${JSON.stringify(join(import.meta.dirname, "evaluate.ts"))});
      const { memoFiles } = await import(${JSON.stringify(join(import.meta.dirname, "memo-files.ts"))});
      const memo = memoFiles({ folder: ${JSON.stringify(folder)}, capacity: 1e8 });
      const options = { ...${JSON.stringify({ ...workspace.options, memo: undefined })}, memo, now: Date.now };
      const result = await evaluate(options, [process.argv[1]])();
      process.stdout.write(result.right.roots[0].drv);
      process.exit(0);
    `;
    const root = (name: string): Promise<string> =>
      new Promise((resolve) => {
        const child = spawn(process.execPath, [...process.execArgv, "--input-type=module", "-e", script, name]);
        let text = "";
        child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
        child.on("close", () => resolve(text));
      });
    const [app, b, again] = await Promise.all([root("app"), root("b"), root("app")]);
    expect([app, b, again]).toEqual([await rootOf(workspace, "app"), await rootOf(workspace, "b"), app]);
    expect(await root("b")).toBe(b);
  });
});

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte));

interface Seen extends Pick<Ran, "report"> {
  readonly graph: string | null;
  /** That were read. */
  readonly files: readonly string[];
}

/** A run of these recipes both ways, each with a log of its own. */
async function bothWays({ options: of }: Pick<Fixture, "options">, ...names: string[]): Promise<[Seen, Seen]> {
  const workspaces = findWorkspaces(of);
  if (isLeft(workspaces)) throw new Error("expected a workspace");
  const once = async (memo: ModuleMemo | undefined): Promise<Seen> => {
    const { coreEntry, platform } = of;
    const log = readLog(Date.now);
    const chosen = chooseRecipes(workspaces.right, names, log);
    const pins = readLocks(workspaces.right, log);
    if (isLeft(chosen) || isLeft(pins)) throw new Error("expected recipes and pins");
    const recipes = { ...chosen.right, config: undefined, workspaces: workspaces.right, coreEntry, log, now: Date.now };
    const options: RunOptions = {
      input: { platform, pins: pins.right, wanted: "derivations" },
      local: localReader(workspaces.right, log),
      timeLimitSeconds: 30,
    };
    const ran = memo === undefined ? await runBundle(recipes, options) : await runRecipes(recipes, options, memo);
    if (isLeft(ran)) throw new Error(JSON.stringify(ran.left));
    const { report, graph } = ran.right;
    const files = log.reads().map(({ path }) => path);
    return { report, graph: graph && Buffer.from(graph).toString(), files: files.sort() };
  };
  const memo = moduleMemo(memoryMemo(), { roots: [], coreEntry: of.coreEntry, cab: "" });
  return [await once(memo), await once(undefined)];
}

/** Says in its name what a module's language comes to. */
const saying = (statements: string, ...parts: string[]): string =>
  `${USE_THING}\n${statements}\nexport default thing(String([${parts.join(", ")}]).replaceAll(/[^0-9a-z]+/gi, "-"));\n`;

const LANGUAGE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "live bindings": {
    "derivations/app.ts": saying('import { n, bump } from "./n.ts";\nconst before = n; bump();', "before", "n"),
    "derivations/n.ts": "export let n = 1;\nexport const bump = () => { n++; };\n",
  },
  "exports of every form": {
    "derivations/app.ts": saying(
      'import d, { a, f, type T, renamed as r } from "./forms.ts";\nimport * as all from "./forms.ts";\nconst t: T = 1;',
      "d, a, f(), r, t, Object.keys(all).join()",
    ),
    "derivations/forms.ts":
      'export * from "./star.ts";\nexport * as inner from "./star.ts";\nexport const { a, b: [c] } = { a: 1, b: [2] };\nexport function f() { return g(); }\nfunction g() { return 3; }\nconst x = 4;\nexport { x as renamed };\nexport type T = number;\nexport default class { static toString() { return "d"; } }\n',
    "derivations/star.ts": "export const star = 5;\n",
  },
  "TypeScript and what is newer than the target": {
    "derivations/app.ts": saying(
      "enum E { A = 7 }\nnamespace N { export const y = 1; }\nclass C { x = E.A; #p = 2; static s = 3; constructor(readonly z: number) {} get p() { return this.#p; } }\nconst c = new C(4);\nabstract class D { abstract d: number; }\nusing u = { [Symbol.dispose]() {} };",
      "E[7], N.y, c.x, c.p, C.s, c.z, typeof D, u satisfies object ? 1 : 0",
    ),
  },
  "JSON, import.meta and words that look like imports": {
    "derivations/app.ts": saying(
      'import data from "./data.json" with { type: "json" };\nimport again from "./data.json";\n// import "./absent.ts";\nconst text = `\nimport { y } from "./absent.ts";\n`;',
      'data.a, data["__proto__"].b, again.a, import.meta.url, text.length, "require(1)", typeof module',
    ),
    "derivations/data.json": '{"a": 1, "__proto__": {"b": 2}}',
  },
};

describe("module by module or bundled", () => {
  it.each(Object.entries(LANGUAGE))("recipes mean the same, and read the same: %s", async (_, files) => {
    const [modules, bundle] = await bothWays(workspaceOf(files), "app");
    expect(modules).toEqual(bundle);
    // Core for the modules, and everything for the bundle: the modules were no failure that was bundled.
    expect(work().builds).toBe(2);
  });

  it("the shipped recipes mean the same", async () => {
    const { options } = workspaceOf({});
    const shipped = join(import.meta.dirname, "../../../derivations");
    const [modules, bundle] = await bothWays(
      { options: { ...options, cwd: shipped, shipped } },
      "ldap-server",
      "nginx",
    );
    expect(modules).toEqual(bundle);
    expect(work().builds).toBe(2);
  });

  it.each([
    ["an export that there is not", 'import { nope } from "./lib/thing.ts"; nope;', /No matching export/],
    ["an import that is never reached", 'export const f = () => import("./lib/thing.ts");', /dynamic import/],
    ["a require that is never reached", 'export const f = () => require("./lib/thing.ts");', /require call/],
    ["JSON that is none", 'import data from "./data.json"; data;', /Expected/],
  ])("what is wrong is explained: %s", async (_, statement, message) => {
    const workspace = workspaceOf({
      "derivations/app.ts": `${USE_THING}\n${statement}\nexport default thing("app");\n`,
      "derivations/data.json": "{",
    });
    const failure = await workspace.failure("app");
    if (failure._tag !== "BadModules") throw new Error(failure._tag);
    const [fault] = failure.faults;
    expect(fault?._tag === "ForbiddenImport" ? fault.reason : fault?.message).toMatch(message);
    expect(fault?.place?.file).toMatch(/^derivations\//);
  });

  it("a type that is exported again without saying so is bundled, and well", async () => {
    const workspace = workspaceOf({
      "derivations/app.ts": `${USE_THING}\nimport "./types.ts";\nexport default thing("app");\n`,
      "derivations/types.ts": 'export { T } from "./t.ts";\n',
      "derivations/t.ts": "export type T = 1;\n",
    });
    expect((await workspace.evaluation("app")).roots).toHaveLength(1);
  });
});
