/** What a change reaches: the edges of the web application's graph, by evaluation alone. test/nightly builds and runs it. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { cab, copyRecipes, removeFolder, temporaryFolder } from "./support.ts";

const folder = temporaryFolder("dependents");
const root = join(folder, "root");
afterAll(() => removeFolder(folder));

describe("by evaluation alone, another way to configure", () => {
  const cwd = copyRecipes(join(folder, "workspace"));
  const names = ["pyasn1", "python-ldap", "python-redis", "redis", "webapp"];

  const hashes = async (): Promise<Record<string, string>> => {
    const { stdout } = await cab(["eval", "--json", ...names], { root, cwd });
    const evaluated = Object.entries(JSON.parse(stdout) as Record<string, { readonly drv: string }>);
    return Object.fromEntries(evaluated.map(([name, { drv }]) => [name, drv]));
  };

  /** Names whose derivations are others once this stands behind that in a recipe. */
  const changedBy = async (recipe: string, that: string, inserted: string): Promise<string[]> => {
    const file = join(cwd, "derivations/servers", recipe);
    const text = readFileSync(file, "utf8");
    const before = await hashes();
    writeFileSync(file, text.replace(that, `${that} ${inserted}`));
    const after = await hashes();
    writeFileSync(file, text);
    return names.filter((name) => before[name] !== after[name]);
  };

  test("openldap changes the extension that links it, and what uses that", async () => {
    expect(await changedBy("openldap.ts", '"--without-argon2",', '"--disable-syslog",')).toEqual([
      "python-ldap",
      "webapp",
    ]);
  });

  test("redis changes redis alone: all others only talk to it", async () => {
    expect(await changedBy("redis.ts", 'USE_SYSTEMD: "no",', 'MALLOC: "libc",')).toEqual(["redis"]);
  });
});
