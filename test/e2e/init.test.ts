/** A new user with an empty home: from `cab init` to a checked, evaluated and started role. */
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHECKOUT, cab, type Ended, isRoot, removeFolder, temporaryFolder, UNPRIVILEGED } from "./support.ts";

const uid = isRoot ? UNPRIVILEGED : undefined;
const home = realpathSync(temporaryFolder("init", uid));
const mine = join(home, "mine");
const role = join(mine, "derivations/hello-cache.ts");

/** As that user, who has set nothing. */
const run = (cwd: string, ...args: string[]): Promise<Ended> =>
  cab(args, { root: null, cwd, env: { HOME: home }, ...(uid === undefined ? {} : { uid }) });

// The launcher bundles what has changed, and only the checkout's owner can.
beforeAll(() => cab(["--version"], { root: null }));
afterAll(() => removeFolder(home));

describe("cab init", () => {
  test("makes a workspace and says what comes next", async () => {
    expect(await run(home, "init", "mine")).toEqual({
      code: 0,
      signal: null,
      stdout: "cab.config.ts\nderivations/hello-cache.ts\ntsconfig.json\n",
      stderr: "a workspace; next: cd mine && cab switch hello-cache\n",
    });
    expect(readFileSync(join(mine, ".cab/.gitignore"), "utf8")).toBe("*\n");
  });

  test("names no place of this machine outside the folder that git ignores", () => {
    for (const file of ["cab.config.ts", "tsconfig.json", "derivations/hello-cache.ts"]) {
      const text = readFileSync(join(mine, file), "utf8");
      expect([file, text.includes(CHECKOUT), text.includes(home)]).toEqual([file, false, false]);
    }
  });

  test("in a workspace writes only what an editor needs anew", async () => {
    const edited = `${readFileSync(role, "utf8")}// mine\n`;
    writeFileSync(role, edited);
    rmSync(join(mine, ".cab"), { recursive: true });
    rmSync(join(mine, "tsconfig.json"));
    expect(await run(mine, "init")).toMatchObject({ code: 0, stdout: "tsconfig.json\n" });
    expect(readFileSync(role, "utf8")).toBe(edited);
    expect(existsSync(join(mine, ".cab/tsconfig.json"))).toBe(true);
    writeFileSync(join(mine, "tsconfig.json"), "{}\n");
    const again = await run(mine, "init");
    expect(again).toMatchObject({ code: 0, stdout: "" });
    expect(again.stderr).toContain('"extends": "./.cab/tsconfig.json"');
    expect(readFileSync(join(mine, "tsconfig.json"), "utf8")).toBe("{}\n");
  });

  test("overwrites nothing, and then writes nothing", async () => {
    const other = join(home, "other");
    mkdirSync(other);
    writeFileSync(join(other, "tsconfig.json"), "{}\n");
    const { code, stderr } = await run(other, "init");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `error: ${other} has tsconfig.json already, and nothing was written\n  remedy: give another folder, or move what is there away\n`,
    });
    expect(existsSync(join(other, "derivations"))).toBe(false);
    expect(await run(home, "init", "other/tsconfig.json")).toMatchObject({ code: 1 });
  });
});

describe("what cab init made", () => {
  test("type-checks and evaluates", async () => {
    expect(await run(mine, "check-types")).toMatchObject({ code: 0, stdout: "1 recipe is well typed\n", stderr: "" });
    expect(await run(mine, "eval", "hello-cache")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^# hello-cache [0-9a-f]{64}\n/),
      stderr: "",
    });
  });

  test("is refused once its types are wrong, with the place underlined", async () => {
    const right = readFileSync(role, "utf8");
    writeFileSync(
      role,
      right.replace("packages: { redis }", "packages: { redis: redis.with({ options: { tsl: false } }) }"),
    );
    const underlined = `derivations/hello-cache.ts:8:46
    packages: { redis: redis.with({ options: { tsl: false } }) },
                                               ~~~
Object literal may only specify known properties, and 'tsl' does not exist in type '{ readonly tls?: boolean; }'. (TS2353)
`;
    const checked = await run(mine, "check-types");
    expect({ ...checked }).toEqual({ code: 1, signal: null, stdout: "", stderr: `error: ${underlined}` });
    // Evaluation sees this mistake too, and says it otherwise: with the flag types are asked for first.
    expect(await run(mine, "realise", "--check-types", "hello-cache")).toMatchObject({
      code: 1,
      stderr: `error: ${underlined}`,
    });
    const json = await run(mine, "check-types", "--json", "hello-cache");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toEqual([
      {
        file: "derivations/hello-cache.ts",
        line: 8,
        column: 46,
        length: 3,
        code: 2353,
        message:
          "Object literal may only specify known properties, and 'tsl' does not exist in type '{ readonly tls?: boolean; }'.",
      },
    ]);
    writeFileSync(role, right);
  });

  test("is refused by the workspace's policy for a mistake that only types tell", async () => {
    const right = readFileSync(role, "utf8");
    writeFileSync(role, right.replace("programs:", "programmes: [],\n  programs:"));
    const { code, stderr } = await run(mine, "eval", "hello-cache");
    expect(code).toBe(1);
    expect(stderr).toContain("'programmes' does not exist in type");
    writeFileSync(join(mine, "cab.config.ts"), "");
    expect(await run(mine, "eval", "hello-cache")).toMatchObject({ code: 0 });
    expect(await run(mine, "eval", "--check-types", "hello-cache")).toMatchObject({ code: 1 });
    writeFileSync(role, right);
  });

  test("names of recipes that there are not are answered with those that there are", async () => {
    const { code, stderr } = await run(mine, "check-types", "hello-cash");
    expect({ code, near: stderr.includes("did you mean hello-cache?") }).toEqual({ code: 1, near: true });
  });
});
