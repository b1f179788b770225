import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { USE_THING, workspaceOf } from "./testing/fixture.ts";

const importing = (statement: string, more: Readonly<Record<string, string>> = {}) =>
  workspaceOf({ "derivations/app.ts": `${USE_THING}\n${statement}\nexport default thing("app");\n`, ...more });

describe("imports", () => {
  it("are refused beyond core and the workspaces, with their place", async () => {
    expect(await importing('import { readFileSync } from "node:fs"; readFileSync("x");').failure("app")).toEqual({
      _tag: "BadModules",
      faults: [
        {
          _tag: "ForbiddenImport",
          specifier: "node:fs",
          reason: "a recipe cannot reach Node",
          remedy: expect.any(String),
          place: {
            file: "derivations/app.ts",
            line: 2,
            column: 30,
            length: 9,
            excerpt: 'import { readFileSync } from "node:fs"; readFileSync("x");',
          },
        },
      ],
    });
  });

  it.each([
    ['import "lodash";', "a recipe imports core and files of its workspace only"],
    ['import "@cab/core/src/bytes.ts";', "a recipe imports core and files of its workspace only"],
    ['import "/etc/passwd";', "a recipe imports core and files of its workspace only"],
    ['import "../../outside.ts";', "there is no such file"],
    ['import "../../../../../../../../etc/passwd";', "the file lies outside the workspace"],
    ['import "./conf.txt";', "only .ts and .json files are modules"],
    ['import "../node_modules/x/index.ts";', "the file lies outside the workspace"],
    ['import "./lib";', "there is no such file"],
    ['import "./link.ts";', "it is reached through a symbolic link"],
    ['const x = await import("./lib/thing.ts");', "dynamic import is not part of a recipe"],
    ['const x = require("./lib/thing.ts");', "require call is not part of a recipe"],
  ])("%s is refused", async (statement, reason) => {
    const workspace = importing(statement, {
      "derivations/conf.txt": "",
      "node_modules/x/index.ts": "",
    });
    symlinkSync(join(workspace.root, "derivations/lib/thing.ts"), join(workspace.root, "derivations/link.ts"));
    const failure = await workspace.failure("app");
    expect(failure).toMatchObject({
      _tag: "BadModules",
      faults: expect.arrayContaining([
        expect.objectContaining({ reason, place: expect.objectContaining({ line: 2 }) }),
      ]),
    });
  });

  it("say what was meant where a suffix is missing or is .js", async () => {
    for (const path of ["./other", "./other.js"]) {
      const failure = await importing(`import "${path}";`, { "derivations/other.ts": "" }).failure("app");
      expect(failure).toMatchObject({ faults: [{ remedy: 'write "./other.ts"' }] });
    }
  });

  it("that the disk refuses are a failure", async () => {
    const workspace = importing('import "./loop.ts";');
    const loop = join(workspace.root, "derivations/loop.ts");
    symlinkSync("loop.ts", loop);
    expect(await workspace.failure("app")).toEqual({ _tag: "Unreadable", file: loop, code: "ELOOP" });
  });

  it("take JSON", async () => {
    const workspace = importing('import data from "./data.json"; if (data.a !== 1) throw new Error("no");', {
      "derivations/data.json": '{"a":1}',
    });
    expect((await workspace.evaluation("app")).roots).toHaveLength(1);
  });

  it("in a circle are a failure that shows the circle", async () => {
    const workspace = workspaceOf({
      "derivations/a.ts": `${USE_THING}\nimport b from "./b.ts";\nexport default thing("a", b);\n`,
      "derivations/b.ts": `${USE_THING}\nimport c from "./c.ts";\nexport default thing("b", c);\n`,
      "derivations/c.ts": `${USE_THING}\nimport b from "./b.ts";\nexport default thing("c", b);\n`,
    });
    expect(await workspace.failure("a")).toEqual({
      _tag: "ImportCycle",
      files: ["derivations/b.ts", "derivations/c.ts", "derivations/b.ts"],
    });
  });
});

describe("a module's text", () => {
  it("is blamed for a syntax error by line and column", async () => {
    const failure = await workspaceOf({ "derivations/app.ts": "const ü = 1;\nconst ä = ;\n" }).failure("app");
    expect(failure).toEqual({
      _tag: "BadModules",
      faults: [
        {
          _tag: "SyntaxError",
          message: 'Unexpected ";"',
          place: { file: "derivations/app.ts", line: 2, column: 11, length: 1, excerpt: "const ä = ;" },
        },
      ],
    });
  });

  it("cannot await", async () => {
    expect(await workspaceOf({ "derivations/app.ts": "await 1;\n" }).failure("app")).toMatchObject({
      faults: [{ message: "a recipe is synchronous: it cannot await", place: { line: 1, column: 1 } }],
    });
  });

  it("keeps its columns in a first line that uses import.meta", async () => {
    const line = 'import { local } from "@cab/core"; const url = import.meta.url; const x = ;';
    const failure = await workspaceOf({ "derivations/app.ts": line }).failure("app");
    expect(failure).toMatchObject({ faults: [{ place: { line: 1, column: line.length, excerpt: line } }] });
  });

  it("is not changed by a tsconfig.json", async () => {
    const plain = importing("export class A { x = 1; }");
    const configured = importing("export class A { x = 1; }", { "tsconfig.json": "{ not json" });
    expect((await configured.evaluation("app")).roots).toEqual((await plain.evaluation("app")).roots);
  });

  it("has a URL that names the workspace and the file only", async () => {
    const workspace = workspaceOf({ "derivations/app.ts": "throw new Error(import.meta.url);\n" });
    expect(await workspace.failure("app")).toMatchObject({ message: "cab:///user/derivations/app.ts" });
  });
});
