/** All shipped recipes at once, without building any: they evaluate, and what they fetch is pinned. */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { CHECKOUT, cab, removeFolder, temporaryFolder } from "./support.ts";

const root = temporaryFolder("recipes");

afterAll(() => removeFolder(root));

/** A file's name is its recipe's; `lib/` holds what recipes are made with. */
const NAMES = readdirSync(join(CHECKOUT, "derivations"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !/(^|\/)(lib|node_modules)\/|\.test\.ts$/.test(path))
  .map((path) => basename(path, ".ts"))
  .sort();

test("no two recipes have one name", () => {
  expect(NAMES.filter((name, index) => NAMES[index - 1] === name)).toEqual([]);
});

test("every recipe evaluates", async () => {
  const { code, stdout, stderr } = await cab(["eval", "--json", ...NAMES], { root });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(Object.keys(JSON.parse(stdout)).sort()).toEqual(NAMES);
});

test("whatever recipes fetch is pinned", async () => {
  expect(await cab(["lock", "--check"], { root })).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
});
