import { join } from "node:path";
import { isRight } from "fp-ts/lib/Either.js";
import { describe, expect, it } from "vitest";
import { collectFetches, collectOptions, evaluate } from "./evaluate.ts";
import { LOCKED_URL, temporaryFolder, USE_THING, workspaceOf, writeFiles } from "./testing/fixture.ts";

const APP = {
  "derivations/zlib.ts": `${USE_THING}
import { fetchUrl, local } from "@cab/core";
export default thing("zlib", fetchUrl("${LOCKED_URL}"), local(import.meta, "./zlib.conf"));
`,
  "derivations/zlib.conf": "level = 9\n",
  "derivations/servers/app.ts": `import { thing } from "../lib/thing.ts";
import zlib from "../zlib.ts";
export default thing("app", zlib);
`,
};

describe("evaluate", () => {
  it("gives pinned hashes", async () => {
    const { roots, derivations, notices, memo } = await workspaceOf(APP).evaluation("app", "zlib");
    expect({ roots, notices, memo }).toEqual({ roots: GOLDEN, notices: [], memo: { _tag: "Absent" } });
    const lookup = await derivations();
    if (!isRight(lookup)) throw new Error("expected derivations");
    const [app, zlib] = roots.map(({ drv }) => lookup.right(drv));
    expect(Object.keys(app?.inputDrvs ?? {})).toEqual([roots[1]?.drv]);
    expect(Object.keys(zlib?.inputDrvs ?? {}).map((hash) => lookup.right(hash as never)?.builder)).toEqual(
      expect.arrayContaining(["builtin:fetch@1", "builtin:local@1"]),
    );
  });

  it("says nothing of where the workspace lies", async () => {
    const [here, there] = [workspaceOf(APP), workspaceOf(APP)];
    expect((await here.evaluation("app")).roots).toEqual((await there.evaluation("app")).roots);
  });

  it("gives the same hashes in whatever order, and among whatever others, recipes are asked for", async () => {
    const workspace = workspaceOf({ ...APP, "derivations/other.ts": `${USE_THING}\nexport default thing("other");\n` });
    const alone = (await workspace.evaluation("app")).roots;
    expect((await workspace.evaluation("zlib", "app", "other")).roots).toContainEqual(alone[0]);
    expect((await workspace.evaluation("other", "app", "zlib")).roots.map(({ name }) => name)).toEqual([
      "other",
      "app",
      "zlib",
    ]);
    expect((await workspace.evaluation("other", "app", "zlib")).roots).toContainEqual(alone[0]);
  });

  it("takes a chain of 5,000 packages", async () => {
    const deep = workspaceOf({
      "derivations/deep.ts": `${USE_THING}
let last = thing("p0");
for (let i = 1; i < 5000; i++) last = thing("p" + i, last);
export default last;
`,
    });
    const { roots, derivations } = await deep.evaluation("deep");
    const lookup = await derivations();
    expect(isRight(lookup) && lookup.right(roots[0]?.drv as never)?.name).toBe("p4999-1");
  });

  it("takes shipped recipes, imports them by name, and says so where the user's own wins", async () => {
    const shipped = temporaryFolder();
    writeFiles(shipped, {
      "libraries/zlib.ts": 'import { thing } from "../lib.ts";\nexport default thing("zlib");\n',
      "libraries/xz.ts": 'import { thing } from "../lib.ts";\nexport default thing("xz");\n',
    });
    const workspace = workspaceOf(
      {
        "derivations/zlib.ts": `${USE_THING}\nexport default thing("my-zlib");\n`,
        "derivations/mine.ts": `${USE_THING}\nimport xz from "@cab/derivations/libraries/xz.ts";\nexport default thing("mine", xz);\n`,
      },
      { shipped },
    );
    writeFiles(shipped, {
      "lib.ts": (await import("node:fs")).readFileSync(`${workspace.root}/derivations/lib/thing.ts`, "utf8"),
    });
    const { notices, roots } = await workspace.evaluation("zlib", "xz", "mine");
    expect(notices).toEqual([
      {
        _tag: "Overridden",
        name: "zlib",
        file: "derivations/zlib.ts",
        shipped: "@cab/derivations/libraries/zlib.ts",
      },
    ]);
    expect(roots).toHaveLength(3);
  });

  it("does nothing before it is run", () => {
    expect(evaluate({ ...workspaceOf({}).options, cwd: "/nonexistent" }, ["x"])).toBeTypeOf("function");
  });
});

describe("collectFetches", () => {
  it("finds every fetch with who wants it, pinned or not", async () => {
    const { options } = workspaceOf({
      ...APP,
      "derivations/other.ts": `${USE_THING}
import { npmPackage } from "@cab/core";
import zlib from "./zlib.ts";
export default thing("other", zlib, npmPackage({ package: "left-pad", version: "1.3.0" }));
`,
    });
    expect(await collectFetches(options, "all")()).toEqual({
      _tag: "Right",
      right: {
        roots: ["app", "other", "zlib"].map((name) => ({ name, drv: expect.stringMatching(/^[0-9a-f]{64}$/) })),
        fetches: [
          {
            key: LOCKED_URL,
            request: { _tag: "Url", url: LOCKED_URL },
            pinned: true,
            wantedBy: ["app", "other", "zlib"],
          },
          {
            key: "npm:left-pad@1.3.0",
            request: { _tag: "Npm", package: "left-pad", version: "1.3.0" },
            pinned: false,
            wantedBy: ["other"],
          },
        ],
        settings: NO_SETTINGS,
      },
    });
  });
});

describe("collecting from several workspaces", () => {
  it("means the first one's recipes by all, and reads edited files as they would be", async () => {
    const shipped = temporaryFolder();
    writeFiles(shipped, { "x.ts": 'import { fetchUrl } from "@cab/core";\nexport default fetchUrl("https://x/");\n' });
    const { options, root } = workspaceOf(APP, { shipped });
    const found = async (edits?: ReadonlyMap<string, string>) => {
      const collected = await collectFetches(options, "all", edits)();
      return isRight(collected) ? collected.right : expect.fail("expected fetches");
    };
    const before = await found();
    expect(before.fetches.map(({ key }) => key)).toEqual([LOCKED_URL]);
    const edited = APP["derivations/zlib.ts"].replace(LOCKED_URL, "https://example.org/new");
    const after = await found(new Map([[`${root}/derivations/zlib.ts`, edited]]));
    expect(after.fetches.map(({ key, pinned }) => [key, pinned])).toEqual([["https://example.org/new", false]]);
    expect(after.roots.map(({ name, drv }, i) => [name, drv === before.roots[i]?.drv])).toEqual([
      ["app", false],
      ["zlib", false],
    ]);
  });
});

describe("a workspace's policy", () => {
  const TUNABLE = `import { contentAddressed, definePackage, option } from "@cab/core";
export default definePackage({ name: "app", options: { tls: option.flag(true, "speaks TLS") } }, ({ options }) => ({
  name: "app", builder: "/bin/sh", args: [String(options.tls)], env: {}, rootfs: null, outputs: contentAddressed(["out"]),
}));
`;
  const CONFIG = `import { defaults, workspace } from "@cab/core";
import app from "./derivations/app.ts";
export default workspace({ options: [defaults(app, { tls: false })], jobs: 3, mirrors: { debian: ["http://m"] } });
`;

  it("holds for every recipe, is remembered with what it asks of the command, and is read again when it changes", async () => {
    const workspace = workspaceOf({ "derivations/app.ts": TUNABLE, "cab.config.ts": "// Only marks the workspace.\n" });
    const argsOf = async () => {
      const { roots, derivations, settings, memo } = await workspace.evaluation("app");
      const lookup = await derivations();
      return { args: isRight(lookup) && lookup.right(roots[0]?.drv as never)?.args, settings, memo };
    };
    expect(await argsOf()).toEqual({ args: ["true"], settings: NO_SETTINGS, memo: { _tag: "Absent" } });
    workspace.write({ "cab.config.ts": CONFIG });
    const settings = { debianMirrors: ["http://m"], jobs: 3, checkTypes: false };
    const changed = { _tag: "Changed", path: join(workspace.root, "cab.config.ts") };
    expect(await argsOf()).toEqual({ args: ["false"], settings, memo: changed });
    expect(await argsOf()).toEqual({ args: ["false"], settings, memo: { _tag: "Hit" } });
  });

  it("is told with the options of every package", async () => {
    const { options } = workspaceOf({ "derivations/app.ts": TUNABLE, "cab.config.ts": CONFIG });
    expect(await collectOptions(options, ["app"])()).toEqual({
      _tag: "Right",
      right: [
        {
          package: "app",
          options: [
            {
              name: "tls",
              description: "speaks TLS",
              expected: "true or false",
              default: true,
              value: false,
              from: "policy",
            },
          ],
        },
      ],
    });
  });

  it("is refused with its place where it is wrong", async () => {
    const bad = { "derivations/app.ts": TUNABLE, "cab.config.ts": "export default { jobs: 3 };\n" };
    expect(await workspaceOf(bad).failure("app")).toMatchObject({
      _tag: "RecipeRefused",
      failure: { reason: "the default export of cab.config.ts is no workspace" },
    });
    expect(
      await workspaceOf({ ...bad, "cab.config.ts": "\nexport default new Date();\n" }).failure("app"),
    ).toMatchObject({ _tag: "Impure", place: { file: "cab.config.ts", line: 2 } });
  });
});

const NO_SETTINGS = { debianMirrors: [], jobs: null, checkTypes: false };

/** A change of these rebuilds everything: it needs a line in the CHANGELOG. */
const GOLDEN = [
  { name: "app", drv: "45019181e1f2fd32cda64070eaa60a1e55f54c462f355725090244960982841b" },
  { name: "zlib", drv: "1c71ef8f76b03209ee09f88c20935af52910365956a15cd7bea2a454fcb12c3b" },
];
