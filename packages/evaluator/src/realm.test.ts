import { describe, expect, it } from "vitest";
import { renderEvaluatorFailure } from "./render.ts";
import { USE_THING, workspaceOf } from "./testing/fixture.ts";

/** A recipe whose second line is `statement`. */
const saying = (statement: string) =>
  workspaceOf({ "derivations/app.ts": `${USE_THING}\n${statement}\nexport default thing("app");\n` });

const quiet = async (statement: string): Promise<void> => {
  expect((await saying(statement).evaluation("app")).roots).toHaveLength(1);
};

describe("what differs from run to run or machine to machine is refused", () => {
  it.each([
    ["Math.random()", "Math.random"],
    ["new Date()", "new Date() without an argument"],
    ["Date()", "Date()"],
    ["Date.now()", "Date.now"],
    ["new Date(2020, 1)", "new Date(year, month, …)"],
    ['new Date("2020-01-01T00:00:00")', 'a date without a time zone ("2020-01-01T00:00:00")'],
    ['Date.parse("1 Jan 2020")', 'a date without a time zone ("1 Jan 2020")'],
    ["new Date(0).getHours()", "Date.prototype.getHours"],
    ["new Date(0).setMonth(1)", "Date.prototype.setMonth"],
    ["new Date(0).getTimezoneOffset()", "Date.prototype.getTimezoneOffset"],
    ["new Date(0).toLocaleString()", "Date.prototype.toLocaleString"],
    ["`$" + "{new Date(0)}`", "Date.prototype.toString"],
    ["new (Date.prototype.constructor as DateConstructor)()", "new Date() without an argument"],
    ['"a".localeCompare("b")', "String.prototype.localeCompare"],
    ['"a".toLocaleUpperCase()', "String.prototype.toLocaleUpperCase"],
    ["(1e6).toLocaleString()", "Number.prototype.toLocaleString"],
    ["[1].toLocaleString()", "Array.prototype.toLocaleString"],
    ["new Intl.Collator()", "Intl"],
    ["new SharedArrayBuffer(1)", "SharedArrayBuffer"],
    ["Atomics.wait(new Int32Array(1), 0, 0)", "Atomics"],
    ["new WeakRef({})", "WeakRef"],
    ["new FinalizationRegistry(() => {})", "FinalizationRegistry"],
    ["process.env.HOME", "process"],
    ["console.log(1)", "console"],
    ['fetch("https://example.org")', "fetch"],
    ["setTimeout(() => {}, 1)", "setTimeout"],
    ["Promise.resolve(1)", "Promise"],
    ["(async () => 1)()", "Promise"],
    ["import(String(1))", "Promise"],
    ['(0, eval)("1")', "eval"],
    ["(globalThis as any).Array.fromAsync([])", "Array.fromAsync"],
  ])("%s", async (expression, what) => {
    expect(await saying(`  const x = ${expression}; Object(x);`).failure("app")).toEqual({
      _tag: "Impure",
      what,
      remedy: expect.stringMatching(/.{10}/),
      place: {
        file: "derivations/app.ts",
        line: 2,
        column: expect.any(Number),
        length: 1,
        excerpt: `  const x = ${expression}; Object(x);`,
      },
    });
  });

  it("and the place is exact", async () => {
    const failure = await saying("  const x = 1 + Math.random();").failure("app");
    expect(failure).toMatchObject({ place: { line: 2, column: 22 } });
  });

  it("with dates in UTC allowed", async () => {
    await quiet(
      `for (const date of [new Date(0), new Date(new Date(1)), new Date("2024-01-02"), new Date("2024-01-02T03:04:05Z")])
  if (!(date instanceof Date) || date.toISOString() === "" || date.getUTCHours() < 0) throw new Error("no");`,
    );
  });
});

describe("the realm", () => {
  it("has ECMAScript's globals only, pure ones", async () => {
    const failure = await saying("throw new Error(Object.getOwnPropertyNames(globalThis).sort().join(' '));").failure(
      "app",
    );
    expect(failure).toMatchObject({
      message: `AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Date DisposableStack \
Error EvalError Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array Int8Array Iterator JSON Map \
Math NaN Number Object Proxy RangeError ReferenceError Reflect RegExp Set String SuppressedError Symbol SyntaxError \
TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakSet __cab_seal decodeURI decodeURIComponent \
encodeURI encodeURIComponent escape globalThis isFinite isNaN parseFloat parseInt undefined unescape`,
    });
  });

  it("has no way to the host's functions, from its own or from what the evaluator passes in", async () => {
    const reach = (of: string) =>
      workspaceOf({
        "derivations/app.ts": `import { definePackage, local } from "@cab/core";
export default definePackage({ name: "app" }, (_, host) => {
  (${of} as any).constructor("return process")();
  return {} as never;
});
`,
      }).failure("app");
    for (const of of ["(() => {})", "host.local", "host.pin", "host.platform.constructor", "local"]) {
      expect(await reach(of)).toMatchObject({ _tag: "RecipeThrew", name: "EvalError", place: { line: 3 } });
    }
    const thrown = `(() => { try { host.local({ workspace: "user", file: "none" }); } catch (e) { return (e as any).constructor; } })()`;
    expect(await reach(thrown)).toMatchObject({ name: "EvalError" });
  });

  it.each([
    "(Array.prototype as any).extra = 1;",
    "(Object as any).keys = () => [];",
    "(globalThis as any).shared = 1;",
    "(function* () {}).prototype.__proto__.next = 1;",
    "Map.prototype.get = () => undefined;",
  ])("cannot be changed: %s", async (statement) => {
    expect(await saying(statement).failure("app")).toMatchObject({ _tag: "Impure", place: { line: 2 } });
  });

  it.each(["zlib.inputs.gone = zlib;", "zlib.spec.version = '2';", "(zlib.outputNames as string[]).push('dev');"])(
    "nor can a package that others share: %s",
    async (statement) => {
      const workspace = workspaceOf({
        "derivations/zlib.ts": `${USE_THING}\nexport default thing("zlib");\n`,
        "derivations/app.ts": `${USE_THING}\nimport shared from "./zlib.ts";\nconst zlib: any = shared;\n${statement}\nexport default thing("app", zlib);\n`,
      });
      expect(await workspace.failure("app")).toMatchObject({
        _tag: "Impure",
        remedy: expect.stringContaining("make a changed copy"),
        place: { file: "derivations/app.ts", line: 4 },
      });
    },
  );

  it.each([
    ["a list", "export const shared: string[] = [];", 'shared.push("x");'],
    ["a record within", "export const shared = { deep: { a: 1 } };", "shared.deep.a = 2;"],
    ["a map", "export const shared = new Map<string, string>();", 'shared.set("x", "y");'],
    ["a set within", "export const shared = { of: new Set([1]) };", "shared.of.clear();"],
    [
      "a list that it only reaches by a function",
      "const list: string[] = [];\nexport const shared = (x: string) => list.push(x);",
      'shared("x");',
    ],
  ])("nor can what another module holds at its top level: %s", async (_, shared, statement) => {
    const workspace = workspaceOf({
      "derivations/lib/shared.ts": `// const gone = 1\n${shared}\n`,
      "derivations/app.ts": `${USE_THING}\nimport { shared } from "./lib/shared.ts";\n${statement}\nexport default thing("app");\n`,
    });
    const failure = await workspace.failure("app");
    expect(failure).toMatchObject({ _tag: "Impure", remedy: expect.stringMatching(/make (a changed copy|a new one)/) });
    expect(renderEvaluatorFailure(failure)).toMatch(/^derivations\/(app\.ts:3|lib\/shared\.ts:3):/);
  });

  it("lets a module change its own values while it is evaluated, and make new ones in functions", async () => {
    await quiet(
      "const list: string[] = []; list.push('x'); const fill = () => { const m = new Map(); m.set(1, 2); }; fill();",
    );
    await quiet("const text = `\nconst nowhere = 1\n`; String(text);");
  });

  it("lets recipes name their own errors and override methods in classes", async () => {
    await quiet("class E extends Error { override name = 'E'; toString() { return 'e'; } } String(new E());");
  });

  it("stops a recipe that never ends, and says where it was", async () => {
    const workspace = workspaceOf(
      {
        "derivations/app.ts": `${USE_THING}
let n = 0;
function spin() {
  for (;;) {
    n = (n * 31 + 7) % 1000003;
  }
}
spin();
export default thing("app");
`,
      },
      { timeLimitSeconds: 0.5 },
    );
    const failure = await workspace.failure("app");
    expect(failure).toMatchObject({ _tag: "TimedOut", seconds: 0.5, place: { file: "derivations/app.ts" } });
    const line = failure._tag === "TimedOut" ? (failure.place?.line ?? 0) : 0;
    expect([4, 5]).toContain(line);
  });
});

describe("what a recipe throws", () => {
  it("is located through the source map, with its stack", async () => {
    const workspace = workspaceOf({
      "derivations/lib/check.ts":
        "type T = string;\n\nexport const check = (x: T) => {\n  throw new TypeError(x);\n};\n",
      "derivations/app.ts": 'import { check } from "./lib/check.ts";\ninterface Unused { a: 1 }\n\n  check("bad x");\n',
    });
    expect(await workspace.failure("app")).toEqual({
      _tag: "RecipeThrew",
      name: "TypeError",
      message: "bad x",
      place: {
        file: "derivations/lib/check.ts",
        line: 4,
        column: 9,
        length: 1,
        excerpt: "  throw new TypeError(x);",
      },
      stack: [
        { function: "check", file: "derivations/lib/check.ts", line: 4, column: 9 },
        { function: "", file: "derivations/app.ts", line: 4, column: 3 },
      ],
    });
  });

  it("may be no error at all", async () => {
    expect(await saying('throw "stop";').failure("app")).toMatchObject({ name: "", message: "stop", place: null });
    expect(await saying("throw null;").failure("app")).toMatchObject({ name: "", message: "null" });
  });

  it("may be the stack's end", async () => {
    const failure = await saying("const f = (): number => 1 + f(); f();").failure("app");
    expect(failure).toMatchObject({ _tag: "RecipeThrew", name: "RangeError", place: { line: 2 } });
  });
});

describe("what core refuses", () => {
  it("is located where the recipe says it", async () => {
    const failure = await saying('import { sh, text } from "@cab/core";\nsh`echo "$' + '{text("x")}"`;').failure("app");
    expect(failure).toMatchObject({
      _tag: "RecipeRefused",
      failure: { _tag: "BadRecipe" },
      place: { file: "derivations/app.ts", line: 3, column: 1 },
    });
  });

  it.each([
    ["export const x = 1;", "the default export of app is missing"],
    ["export default async () => 1;", "the default export of app is not a package"],
  ])("%s", async (text, reason) => {
    const failure = await workspaceOf({ "derivations/app.ts": text }).failure("app");
    expect(failure).toMatchObject({ _tag: "RecipeRefused", failure: { _tag: "BadRecipe", reason } });
  });

  it("may be missing pins, of which all are named", async () => {
    const workspace = workspaceOf({
      "derivations/a.ts": `${USE_THING}
import { fetchUrl } from "@cab/core";
export default thing("a", fetchUrl("https://example.org/1"), fetchUrl("https://example.org/2"));
`,
      "derivations/b.ts": `${USE_THING}
import { gitSource } from "@cab/core";
import a from "./a.ts";
export default thing("b", a, gitSource({ url: "https://example.org/b.git", ref: "v1" }));
`,
    });
    expect(await workspace.failure("b", "a")).toMatchObject({
      _tag: "NotLocked",
      missing: [
        { key: "https://example.org/1", wantedBy: ["a", "b"] },
        { key: "https://example.org/2", wantedBy: ["a", "b"] },
        { key: "git:https://example.org/b.git#v1", wantedBy: ["b"] },
      ],
      place: { file: "derivations/a.ts", line: 3, column: 27 },
    });
  });
});
