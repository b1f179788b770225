import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isRight } from "fp-ts/lib/Either.js";
import { describe, expect, it } from "vitest";
import { checkTypes } from "./check-types.ts";
import { renderEvaluatorFailure } from "./render.ts";
import { CORE_ENTRY, type Fixture, USE_THING, workspaceOf } from "./testing/fixture.ts";
import { parseOutput } from "./typescript.ts";

const check = ({ options }: Fixture, names: readonly string[] | "own" = "own", timeLimitSeconds = 60) =>
  checkTypes({ ...options, timeLimitSeconds }, names)();

const GOOD = `${USE_THING}\nexport default thing("good");\n`;
/** Runs, and gives the package `1-1`. */
const BAD = `${USE_THING}\n/* ééé𝒳 */ export default thing(1 as unknown as number);\n`;

describe("checkTypes", () => {
  it("counts what is right", async () => {
    const workspace = workspaceOf({ "derivations/a.ts": GOOD, "derivations/b.ts": GOOD });
    expect(await check(workspace)).toMatchObject({ right: 2 });
    expect(await check(workspace, ["b"])).toMatchObject({ right: 1 });
  });

  it("names the place of a mistake, and only in what was asked for", async () => {
    const workspace = workspaceOf({ "derivations/bad.ts": BAD, "derivations/good.ts": GOOD });
    expect(await check(workspace, ["good"])).toMatchObject({ right: 1 });
    expect(await check(workspace)).toEqual({
      _tag: "Left",
      left: {
        _tag: "IllTyped",
        faults: [
          {
            place: {
              file: "derivations/bad.ts",
              line: 2,
              column: 34,
              length: 1,
              excerpt: "/* ééé𝒳 */ export default thing(1 as unknown as number);",
            },
            code: 2345,
            message: "Argument of type 'number' is not assignable to parameter of type 'string'.",
          },
        ],
      },
    });
  });

  it("looks at what recipes import", async () => {
    const workspace = workspaceOf({
      "derivations/a.ts": GOOD.replace('"good"', "word").replace("\n", '\nimport { word } from "./lib/word.ts";\n'),
      "derivations/lib/word.ts": 'export const word: string = 1 as unknown as string;\nconst other: number = "x";\n',
    });
    expect(await check(workspace, ["a"])).toMatchObject({
      left: { faults: [{ place: { file: "derivations/lib/word.ts", line: 2, column: 7, length: 5 }, code: 2322 }] },
    });
  });

  it("says what stands for the globals that a recipe lacks", async () => {
    const workspace = workspaceOf({ "derivations/a.ts": `${USE_THING}\nexport default thing(process.env.HOME);\n` });
    const checked = await check(workspace);
    if (isRight(checked)) throw new Error("expected a failure");
    expect(renderEvaluatorFailure(checked.left)).toBe(
      `derivations/a.ts:2:30
    export default thing(process.env.HOME);
                                 ~~~
Property 'env' does not exist on type 'NotInRecipes<"a recipe cannot see the machine: say it in the recipe, as an option of the package, or read local(import.meta, …)">'. (TS2339)`,
    );
  });

  it("takes no declarations from around the workspace", async () => {
    const workspace = workspaceOf({
      "derivations/a.ts": `${USE_THING}\nexport default thing(mood);\n`,
      "node_modules/@types/mood/index.d.ts": "declare const mood: string;",
      "tsconfig.json": '{ "compilerOptions": { "noCheck": true } }',
    });
    expect(await check(workspace)).toMatchObject({ left: { faults: [{ code: 2304 }] } });
  });

  it("stops a checker that does not end", async () => {
    const workspace = workspaceOf({ "derivations/a.ts": GOOD });
    expect(await check(workspace, "own", 0.001)).toEqual({
      _tag: "Left",
      left: { _tag: "TypesTimedOut", seconds: 0.001 },
    });
  });
});

describe("a global that recipes lack", () => {
  const globals = readFileSync(join(dirname(CORE_ENTRY), "../recipe-globals.d.ts"), "utf8");
  const texts = new Map([...globals.matchAll(/^type (\w+) =\s+"(.*)";$/gm)].map(([, name, text]) => [name, text]));
  const declared = [...globals.matchAll(/^declare const (\w+): NotInRecipes<(?:(\w+)|"(.*)")>;$/gm)];

  // A call of `require` is an import to the bundler, and refused as such.
  const own = declared.filter(([, name]) => name !== "require");

  it.each(own.map(([, name, alias, text]) => [name, text ?? texts.get(alias)]))(
    "%s is refused with one remedy, when types are checked and when it is evaluated",
    async (name, remedy) => {
      const workspace = workspaceOf({ "derivations/a.ts": `${USE_THING}\nexport default thing("a", ${name});\n` });
      expect(await workspace.failure("a")).toMatchObject({ _tag: "Impure", what: name, remedy });
    },
  );

  it("is declared line by line, as read here", () => {
    expect(declared).toHaveLength(globals.match(/declare const (?!notInRecipes)/g)?.length ?? 0);
  });
});

describe("evaluating", () => {
  it("asks for types only when told to", async () => {
    const workspace = workspaceOf({ "derivations/bad.ts": BAD });
    expect(await workspace.evaluate("bad")).toMatchObject({ _tag: "Right" });
    const strict = workspaceOf({ "derivations/bad.ts": BAD }, { checkTypes: true });
    expect(await strict.failure("bad")).toMatchObject({ _tag: "IllTyped" });
  });

  it("asks for types when the workspace's policy says so", async () => {
    const config = 'import { workspace } from "@cab/core";\nexport default workspace({ checkTypes: true });\n';
    const workspace = workspaceOf({ "derivations/bad.ts": BAD, "derivations/good.ts": GOOD, "cab.config.ts": config });
    expect(await workspace.failure("bad")).toMatchObject({ _tag: "IllTyped" });
    expect((await workspace.evaluation("good")).memo).toEqual({ _tag: "Absent" });
    expect((await workspace.evaluation("good")).memo).toEqual({ _tag: "Hit" });
    workspace.write({ "cab.config.ts": `${config}const jobs: number = "4";\n` });
    expect(await workspace.failure("good")).toMatchObject({
      _tag: "IllTyped",
      faults: [{ place: { file: "cab.config.ts", line: 3, column: 7 }, code: 2322 }],
    });
  });

  it("remembers that types were right, until one changes that no evaluation loads", async () => {
    const strict = workspaceOf(
      {
        "derivations/a.ts": `${USE_THING}\nimport type { Word } from "./lib/word.ts";\nexport default thing("x" satisfies Word);\n`,
        "derivations/lib/word.ts": 'export type Word = "x";\n',
      },
      { checkTypes: true },
    );
    expect((await strict.evaluation("a")).memo).toEqual({ _tag: "Absent" });
    expect((await strict.evaluation("a")).memo).toEqual({ _tag: "Hit" });
    strict.write({ "derivations/lib/word.ts": 'export type Word = "y";\n' });
    expect(await strict.failure("a")).toMatchObject({ _tag: "IllTyped", faults: [{ code: 1360 }] });
  });
});

describe("what the compiler prints", () => {
  it("is read line by line", () => {
    const output = [
      "w/a(1).ts(2,3): error TS2345: Argument of type '{}' is not assignable to parameter of type 'Hole'.",
      "  Type '{}' is not assignable to type 'string'.",
      "    deeper: error TS1: no",
      "error TS6053: File '/w/b.ts' not found.",
      "  The file is in the program because:",
      "/w/a(1).ts",
      "/lib/lib.es5.d.ts",
      "",
    ].join("\n");
    expect(parseOutput(output)).toEqual({
      diagnostics: [
        {
          position: { file: "/w/a(1).ts", line: 2, column: 3 },
          code: 2345,
          message:
            "Argument of type '{}' is not assignable to parameter of type 'Hole'.\n  Type '{}' is not assignable to type 'string'.\n    deeper: error TS1: no",
        },
        {
          position: null,
          code: 6053,
          message: "File '/w/b.ts' not found.\n  The file is in the program because:",
        },
      ],
      files: ["/w/a(1).ts", "/lib/lib.es5.d.ts"],
    });
  });
});
