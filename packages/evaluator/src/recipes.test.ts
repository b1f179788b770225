import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder, USE_THING, workspaceOf, writeFiles } from "./testing/fixture.ts";
import { findWorkspaces } from "./workspace.ts";

const recipe = (name: string): string => `${USE_THING}\nexport default thing("${name}");\n`;

describe("names", () => {
  it("offers the nearest ones for an unknown one", async () => {
    const workspace = workspaceOf({
      "derivations/openldap.ts": recipe("openldap"),
      "derivations/openssl.ts": recipe("openssl"),
      "derivations/zlib.ts": recipe("zlib"),
    });
    expect(await workspace.failure("openldp", "zlib", "qwertyuiop")).toEqual({
      _tag: "UnknownRecipes",
      unknown: [
        { name: "openldp", nearest: ["openldap"] },
        { name: "qwertyuiop", nearest: [] },
      ],
      folders: [join(workspace.root, "derivations")],
    });
  });

  it("refuses two files of one name, naming both", async () => {
    const workspace = workspaceOf({
      "derivations/servers/zlib.ts": recipe("zlib"),
      "derivations/libraries/zlib.ts": recipe("zlib"),
    });
    expect(await workspace.failure("zlib")).toEqual({
      _tag: "DuplicateRecipe",
      name: "zlib",
      files: ["derivations/libraries/zlib.ts", "derivations/servers/zlib.ts"],
    });
  });

  it("are of recipe files only", async () => {
    const workspace = workspaceOf({
      "derivations/index.ts": "",
      "derivations/lib/index.ts": "",
      "derivations/a.test.ts": "",
      "derivations/b.d.ts": "",
      "derivations/.hidden/c.ts": "",
      "derivations/.dot.ts": "",
      "derivations/node_modules/d.ts": "",
      "derivations/e.txt": "",
    });
    const names = ["index", "thing", "a", "a.test", "b", "b.d", "c", ".dot", "d", "e"].sort();
    const failure = await workspace.failure(...names);
    expect(failure).toMatchObject({ unknown: names.map((name) => ({ name })) });
  });
});

describe("the workspace", () => {
  it("is the nearest parent that has cab.config.ts or derivations/", () => {
    const root = temporaryFolder();
    writeFiles(root, { "a/cab.config.ts": "", "a/b/c/x.txt": "" });
    mkdirSync(join(root, "derivations"));
    const rootOf = (cwd: string, workspace?: string) => findWorkspaces({ cwd, workspace, shipped: null });
    const own = (folder: string) => [{ id: "user", root: folder, recipes: join(folder, "derivations") }];
    expect(rootOf(join(root, "a/b/c"))).toEqual({ _tag: "Right", right: own(join(root, "a")) });
    expect(rootOf(root)).toEqual({ _tag: "Right", right: own(root) });
    expect(rootOf(root, join(root, "a"))).toEqual({ _tag: "Right", right: own(join(root, "a")) });
    expect(rootOf(root, join(root, "a/b"))).toEqual({
      _tag: "Left",
      left: { _tag: "NoWorkspace", from: join(root, "a/b"), explicit: true },
    });
  });

  it("is the shipped one inside the cab checkout, and where there is no other", () => {
    const checkout = temporaryFolder();
    const shipped = join(checkout, "derivations");
    mkdirSync(join(shipped, "lib"), { recursive: true });
    const only = { _tag: "Right", right: [{ id: "@cab/derivations", root: shipped, recipes: shipped }] };
    expect(findWorkspaces({ cwd: join(shipped, "lib"), shipped })).toEqual(only);
    expect(findWorkspaces({ cwd: temporaryFolder(), shipped })).toEqual(only);
  });

  it("must be somewhere", () => {
    const cwd = temporaryFolder();
    expect(findWorkspaces({ cwd, shipped: null })).toEqual({
      _tag: "Left",
      left: { _tag: "NoWorkspace", from: cwd, explicit: false },
    });
  });
});
