/** Verifying and repairing through the real command: from a cache, by building again, and of the database. */
import { chmodSync, closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cab, isRoot, realise, removeFolder, temporaryFolder, UNPRIVILEGED } from "./support.ts";
import { damageObject } from "./tampered-store.ts";
import { baseOf, writtenRecipes } from "./written.ts";

const uid = isRoot ? UNPRIVILEGED : undefined;
const folder = temporaryFolder("repair", uid);
beforeAll(() => cab(["--version"], { root: null }));
afterAll(() => removeFolder(folder));

const cwd = writtenRecipes(join(folder, "workspace"));

const storeOf = (name: string) => ({ root: join(folder, name), cwd, ...(uid === undefined ? {} : { uid }) });

/** Overwrites the object's first byte in place, as a bad disk does. */
function spoil({ root }: { readonly root: string }, path: string): void {
  const file = join(root, "store", baseOf(path));
  chmodSync(file, 0o644);
  const descriptor = openSync(file, "r+");
  writeSync(descriptor, "X");
  closeSync(descriptor);
  chmodSync(file, 0o444);
}

describe("an object", () => {
  test("that is damaged is named with its file, and built again where it was built before", async () => {
    const of = storeOf("built");
    const { outputs } = await realise(["app", "library"], of);
    const library = outputs.library?.out as string;
    expect(await cab(["verify", "--contents"], of)).toMatchObject({ code: 0, stdout: "" });
    spoil(of, library);
    const { code, stdout, stderr } = await cab(["verify", "--contents"], of);
    expect([code, stderr]).toEqual([1, expect.stringContaining("cab repair")]);
    expect(stdout).toContain(`${library}\n  expected: SHA-256 `);
    expect(await cab(["verify", "--contents", outputs.app?.out as string], of)).toMatchObject({ code: 0 });
    // Which bytes changed shows only to who reads them; that the file was written to, its time does.
    expect((await cab(["verify"], of)).stdout).toContain(`${library}\n  expected: time 1980-01-01T00:00:00.000Z`);

    const repaired = await cab(["repair"], of);
    expect(repaired).toMatchObject({ code: 0, stdout: `${library}\n` });
    expect(await cab(["verify", "--contents"], of)).toMatchObject({ code: 0, stdout: "" });
    expect(await realise(["app", "library"], of)).toMatchObject({ built: [], fetched: [], outputs });
  });

  test("that came from a cache comes from it again, and without one is left as it is", async () => {
    const built = storeOf("published");
    const { outputs } = await realise(["app", "library"], built);
    const cache = join(folder, "cache");
    expect(await cab(["push", cache, "app"], built)).toMatchObject({ code: 0 });
    const of = storeOf("fetched");
    const fetched = await realise(["app"], { ...of, args: ["--from", cache] });
    expect(fetched.outputs.app).toEqual(outputs.app);
    const [app, library] = [outputs.app?.out as string, outputs.library?.out as string];
    spoil(of, library);
    spoil(of, app);
    const alone = await cab(["repair", library], of);
    expect(alone).toMatchObject({ code: 1, stdout: "" });
    expect(alone.stderr).toContain(
      `${library} is still damaged: no cache gave it, and what built it is not known here`,
    );
    const json = await cab(["repair", "--json", "--from", cache], of);
    expect([json.code, JSON.parse(json.stdout)]).toEqual([0, { repaired: [library, app], damaged: [] }]);
    expect(await cab(["verify", "--contents"], of)).toMatchObject({ code: 0 });
  });
});

test("a damaged database is found from outside, and rebuilt from the objects with all that was known of them", async () => {
  const of = storeOf("database");
  const { outputs } = await realise(["app"], of);
  await damageObject(of.root, baseOf(outputs.app?.out));
  const found = await cab(["verify"], of);
  expect([found.code, found.stdout]).toEqual([1, expect.stringContaining("var/db: the table objects is damaged at ")]);
  expect((await cab(["repair"], of)).stderr).toContain("cab repair --db");
  expect(await cab(["repair", "--db"], of)).toMatchObject({ code: 0 });
  expect(await cab(["verify", "--contents"], of)).toMatchObject({ code: 0 });
  expect(await realise(["app"], of)).toMatchObject({ built: [], fetched: [], outputs });
});
