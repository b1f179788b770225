import { expect, it } from "vitest";
import { openModuleRealm } from "./realm-modules.ts";

const realm = (timeLimitSeconds = 30) =>
  openModuleRealm({
    input: {
      platform: { build: "x86_64-linux", host: "x86_64-linux", libc: "distribution", link: "shared" },
      pins: {},
      wanted: "derivations",
    },
    local: () => {
      throw new Error("BUG: nothing is read");
    },
    timeLimitSeconds,
  });

const RECIPES = "export const workspace = undefined; export const recipes = [];";
const evaluating = (roots: string): string =>
  `export const evaluateRecipes = () => ({ roots: ${roots}, settings: {}, graph: "" });`;

it("runs a chain of 5,000 modules, which V8 by itself would not survive", async () => {
  const { define, link, run } = realm();
  const length = 5_000;
  const names = Array.from({ length }, (_, i) => `m${i}`);
  for (const [i, name] of names.entries()) {
    const code = i === 0 ? "export const n = 1;" : 'import { n as below } from "below"; export const n = below + 1;';
    const last = `${code} ${RECIPES} ${evaluating("[n]")}`;
    expect(define(name, i === length - 1 ? last : code)).toEqual(i === 0 ? [] : ["below"]);
    link(name, i === 0 ? [] : [`m${i - 1}`]);
  }
  expect(await run(names)).toMatchObject({ _tag: "Ended", report: { roots: [length] }, graph: Buffer.from("") });
});

it("tells what is no module, what fails, and what never ends", async () => {
  const outcome = async (code: string, more = "") => {
    const { define, link, run } = realm(0.1);
    if (define("entry", `${RECIPES} ${evaluating("[]")} ${more}`) === undefined) return "no module";
    link("entry", []);
    const requests = define("last", `export * from "entry"; ${code}`);
    if (requests === undefined) return "no module";
    link(
      "last",
      requests.map(() => "entry"),
    );
    return (await run(["entry", "last"]))._tag;
  };
  expect(await outcome("")).toBe("Ended");
  expect(await outcome("const const;")).toBe("no module");
  expect(await outcome('import { absent } from "entry";')).toBe("Failed");
  expect(await outcome("throw 1;")).toBe("Failed");
  expect(await outcome("for (;;);")).toBe("TimedOut");
  expect(await outcome("export const evaluateRecipes = () => { for (;;); };")).toBe("TimedOut");
  expect(await outcome("export const evaluateRecipes = () => { throw new Error(); };")).toBe("Failed");
});
