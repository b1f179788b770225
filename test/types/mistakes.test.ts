/**
 * Wrong recipes: what the type checker and the evaluator say of each stands in docs/reference/mistakes.md, whole, so that
 * a worse message is noticed as one. `vitest run test/types --update` writes that
 * page anew.
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { nativePlatform } from "@cab/core";
import { type EvaluatorOptions, evaluate, type TypeFault } from "@cab/evaluator";
import { checkTypes } from "@cab/evaluator/check-types";
import { renderEvaluatorFailure } from "@cab/evaluator/render";
import { isLeft } from "fp-ts/lib/Either.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EVALUATED, type Mistake, PRELUDE, type Topic, TYPED } from "./mistakes.ts";
import { PAGE, type Row, withSection } from "./page.ts";

const CHECKOUT = join(import.meta.dirname, "../..");
const root = realpathSync(mkdtempSync(join(tmpdir(), "cab-mistakes-")));

const options: EvaluatorOptions & { readonly timeLimitSeconds: number } = {
  cwd: root,
  workspace: root,
  shipped: join(CHECKOUT, "derivations"),
  coreEntry: join(CHECKOUT, "packages/core/src/recipes.ts"),
  platform: nativePlatform("x86_64-linux"),
  version: "test",
  memo: { get: () => undefined, put: () => {} },
  now: Date.now,
  typescript: join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc"),
  checkTypes: false,
  timeLimitSeconds: 120,
};

interface Case extends Mistake {
  readonly topic: Topic;
  /** The recipe's name. */
  readonly recipe: string;
}

const casesOf = (topics: readonly Topic[], prefix: string): Case[] =>
  topics
    .flatMap((topic) => topic.mistakes.map((mistake) => ({ ...mistake, topic })))
    .map((one, i) => ({ ...one, recipe: `${prefix}-${i}` }));

const typed = casesOf(TYPED, "typed");
const evaluated = casesOf(EVALUATED, "evaluated");

/** Of the recipe alone; a policy is evaluated as `cab.config.ts`. */
const moduleOf = ({ code, topic }: Case): string =>
  topic.of === "value" ? `export const it = ${code};\nexport default zlib;\n` : `export default ${code};\n`;

const file = (recipe: string): string => `derivations/${recipe}.ts`;

const faults = new Map<string, TypeFault[]>();

beforeAll(async () => {
  mkdirSync(join(root, "derivations"));
  const chosen = 'const chosen = { overlays: "none", overlay: "none" } as const;\n';
  for (const one of [...typed, ...evaluated]) {
    writeFileSync(join(root, file(one.recipe)), `${PRELUDE}${chosen}${moduleOf(one)}`);
  }
  const checked = await checkTypes(options, "own")();
  if (!isLeft(checked) || checked.left._tag !== "IllTyped") throw new Error(JSON.stringify(checked));
  for (const fault of checked.left.faults) {
    const key = fault.place?.file ?? "";
    faults.set(key, [...(faults.get(key) ?? []), fault]);
  }
}, 120_000);
afterAll(() => rmSync(root, { recursive: true }));

/** What evaluating says of it, without the place; undefined if it evaluates. */
async function evaluation(one: Case): Promise<string | undefined> {
  const config = join(root, "cab.config.ts");
  const isPolicy = one.topic.of === "policy";
  if (isPolicy) writeFileSync(config, `${PRELUDE}${moduleOf(one)}`);
  const result = await evaluate(options, [isPolicy ? "nginx" : one.recipe])();
  if (isPolicy) rmSync(config);
  if (!isLeft(result)) return undefined;
  const lines = renderEvaluatorFailure(result.left).split("\n");
  const behindPlace = /^\S+:\d+:\d+$/.test(lines[0] ?? "") ? lines.slice(3) : lines;
  return behindPlace
    .filter((line) => !line.startsWith("  at "))
    .join("\n")
    .replaceAll(one.recipe, "mine")
    .replaceAll(root, "");
}

/** What the type checker says of it, and what it underlines. */
const messages = (one: Case): Row["types"] =>
  (faults.get(file(one.recipe)) ?? []).map(({ place, message }) => ({
    at: place?.excerpt.slice(place.column - 1, place.column - 1 + place.length) ?? "",
    message,
  }));

describe("the type checker", () => {
  it("finds no fault but in the recipes that have one", () => {
    const wrong = new Set(typed.map(({ recipe }) => file(recipe)));
    expect([...faults].filter(([key]) => !wrong.has(key))).toEqual([]);
  });

  it.each(typed.map((one) => [`${one.topic.title}: ${one.what}`, one] as const))("refuses %s", (_, one) => {
    // In the line of the mistake itself, which is the first behind what all begin with.
    const line = PRELUDE.split("\n").length + 1;
    const found = faults.get(file(one.recipe)) ?? [];
    expect(found.map(({ place }) => place?.line)).toEqual(found.map(() => line));
    expect(found.length).toBeGreaterThan(0);
  });
});

describe("the page on mistakes", () => {
  it("says what is seen of each of them", async () => {
    const rows: [Topic, Row[]][] = [];
    for (const topic of [...TYPED, ...EVALUATED]) {
      const cases = [...typed, ...evaluated].filter((one) => one.topic === topic);
      const seen: Row[] = [];
      for (const one of cases) {
        const { what, code } = one;
        seen.push({ what, code, types: messages(one), evaluation: await evaluation(one) });
      }
      rows.push([topic, seen]);
    }
    const passed = rows.flatMap(([topic, seen]) =>
      EVALUATED.includes(topic) ? seen.filter(({ evaluation }) => evaluation === undefined) : [],
    );
    expect(passed).toEqual([]);
    const page = readFileSync(PAGE, "utf8");
    const half = rows.length - EVALUATED.length;
    const next = withSection(withSection(page, "types", rows.slice(0, half)), "evaluation", rows.slice(half));
    await expect(next).toMatchFileSnapshot(PAGE);
  }, 240_000);
});
