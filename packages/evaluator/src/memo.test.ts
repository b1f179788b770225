import { spawnSync } from "node:child_process";
import {
  chmodSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isRight } from "fp-ts/lib/Either.js";
import { describe, expect, it } from "vitest";
import { openSealed, sealed } from "./memo.ts";
import { memoFiles } from "./memo-files.ts";
import { observe } from "./observe.ts";
import {
  LOCKED_URL,
  lockOf,
  memoryMemo,
  temporaryFolder,
  USE_THING,
  workspaceOf,
  writeFiles,
} from "./testing/fixture.ts";

const APP = {
  "derivations/app.ts": `${USE_THING}
import { local } from "@cab/core";
import { extra } from "./extra.ts";
export default thing("app", local(import.meta, "./app.conf"), local(import.meta, "./files"), ...extra);
`,
  "derivations/extra.ts": "export const extra = [];\n",
  "derivations/app.conf": "a = 1\n",
  "derivations/files/one": "1",
  "derivations/files/sub/two": "2",
};

const HIT = { _tag: "Hit" };

describe("an evaluation is remembered", () => {
  it("while nothing that it read has changed", async () => {
    const workspace = workspaceOf(APP);
    const first = await workspace.evaluation("app");
    const second = await workspace.evaluation("app");
    expect([first.memo, second.memo]).toEqual([{ _tag: "Absent" }, HIT]);
    expect(second.roots).toEqual(first.roots);
    const lookups = [await first.derivations(), await second.derivations()];
    const roots = lookups.map((lookup) => isRight(lookup) && lookup.right(first.roots[0]?.drv as never));
    expect(roots[1]).toEqual(roots[0]);
  });

  it.each<[string, string, (root: string) => void]>([
    [
      "a module",
      "derivations/extra.ts",
      (root) => writeFileSync(join(root, "derivations/extra.ts"), "export const extra = [ ];\n"),
    ],
    ["a builder", "derivations/lib/thing.ts", (root) => writeFileSync(join(root, "derivations/lib/thing.ts"), "")],
    ["a local file", "derivations/app.conf", (root) => writeFileSync(join(root, "derivations/app.conf"), "a = 2\n")],
    [
      "a file in a local tree",
      "derivations/files/sub/two",
      (root) => writeFileSync(join(root, "derivations/files/sub/two"), "3"),
    ],
    ["its executable bit", "derivations/files/one", (root) => chmodSync(join(root, "derivations/files/one"), 0o755)],
    [
      "a local tree's names",
      "derivations/files/sub",
      (root) => writeFileSync(join(root, "derivations/files/sub/three"), ""),
    ],
    ["a file that is gone", "derivations/files", (root) => unlinkSync(join(root, "derivations/files/one"))],
    [
      "a file that became a link",
      "derivations/files",
      (root) => {
        unlinkSync(join(root, "derivations/files/one"));
        symlinkSync("sub/two", join(root, "derivations/files/one"));
      },
    ],
    [
      "a folder that became a file",
      "derivations",
      (root) => {
        rmSync(join(root, "derivations/files"), { recursive: true });
        writeFileSync(join(root, "derivations/files"), "");
      },
    ],
    ["which recipes there are", "derivations", (root) => writeFileSync(join(root, "derivations/new.ts"), "")],
  ])("but not once this changed: %s", async (_, path, change) => {
    const workspace = workspaceOf(APP);
    await workspace.evaluation("app");
    change(workspace.root);
    const again = await workspace.evaluate("app");
    if (isRight(again)) expect(again.right.memo).toEqual({ _tag: "Changed", path: join(workspace.root, path) });
    else expect(["RecipeThrew", "BadModules"]).toContain(again.left._tag);
    if (isRight(again)) expect((await workspace.evaluation("app")).memo).toEqual(HIT);
  });

  it("through a touch, a checkout of the same bytes, and files that are no recipes", async () => {
    const workspace = workspaceOf(APP);
    await workspace.evaluation("app");
    const conf = join(workspace.root, "derivations/app.conf");
    utimesSync(conf, new Date(0), new Date(0));
    expect((await workspace.evaluation("app")).memo).toEqual(HIT);
    workspace.write({ "derivations/app.conf.new": "a = 1\n", "derivations/README.md": "" });
    renameSync(join(workspace.root, "derivations/app.conf.new"), conf);
    expect((await workspace.evaluation("app")).memo).toEqual(HIT);
  });

  it("though a file is of the future, which is read again each time: a clock that was set back hides no change", async () => {
    const workspace = workspaceOf(APP);
    const conf = join(workspace.root, "derivations/app.conf");
    const ahead = new Date(Date.now() + 10 * 365 * 24 * 3600 * 1000);
    utimesSync(conf, ahead, ahead);
    await workspace.evaluation("app");
    const stamped = observe(conf, "all", Date.now).read.stamp;
    expect(stamped).toBeNull();
    expect((await workspace.evaluation("app")).memo).toEqual(HIT);
    writeFileSync(conf, "a = 9\n");
    utimesSync(conf, ahead, ahead);
    expect((await workspace.evaluation("app")).memo).toEqual({ _tag: "Changed", path: conf });
  });

  it("whatever happens to pins that it did not use, and not once one of its own changed", async () => {
    const [used, other] = [LOCKED_URL, "https://example.org/other.tgz"];
    const workspace = workspaceOf({
      "derivations/app.ts": `${USE_THING}
import { fetchUrl } from "@cab/core";
export default thing("app", fetchUrl("${used}"));
`,
      "derivations/none.ts": `${USE_THING}\nexport default thing("none");\n`,
    });
    const outcome = async (lock: string | undefined, name = "app") => {
      if (lock === undefined) unlinkSync(join(workspace.root, "cab.lock"));
      else workspace.write({ "cab.lock": lock });
      const result = await workspace.evaluate(name);
      return isRight(result) ? result.right.memo : result.left._tag;
    };
    await workspace.evaluation("app");
    await workspace.evaluation("none");
    expect(await outcome(lockOf({ [used]: "a", [other]: "b" }))).toEqual(HIT);
    expect(await outcome(lockOf({ [used]: "a", [other]: "c" }))).toEqual(HIT);
    expect(await outcome(lockOf({ [used]: "d" }))).toEqual({ _tag: "PinChanged", key: used });
    expect(await outcome(lockOf({ [used]: "d" }))).toEqual(HIT);
    expect(await outcome("{\n")).toBe("BadLock");
    expect(await outcome(lockOf({}))).toBe("NotLocked");
    expect(await outcome(undefined)).toBe("NotLocked");
    expect(await outcome(lockOf({ [used]: "d" }))).toEqual(HIT);
    expect(await outcome(undefined, "none")).toEqual(HIT);
  });

  it("by the pins that count: the user's own before shipped ones", async () => {
    const shipped = temporaryFolder();
    writeFiles(shipped, { "cab.lock": lockOf({ [LOCKED_URL]: "b" }) });
    const workspace = workspaceOf(
      {
        "derivations/app.ts": `${USE_THING}
import { fetchUrl } from "@cab/core";
export default thing("app", fetchUrl("${LOCKED_URL}"));
`,
      },
      { shipped },
    );
    const { roots } = await workspace.evaluation("app");
    writeFiles(shipped, { "cab.lock": lockOf({ [LOCKED_URL]: "c" }) });
    expect((await workspace.evaluation("app")).memo).toEqual(HIT);
    unlinkSync(join(workspace.root, "cab.lock"));
    expect(await workspace.evaluation("app")).toMatchObject({ memo: { _tag: "PinChanged", key: LOCKED_URL } });
    workspace.write({ "cab.lock": lockOf({ [LOCKED_URL]: "a" }) });
    expect(await workspace.evaluation("app")).toMatchObject({ roots, memo: { _tag: "PinChanged", key: LOCKED_URL } });
  });

  it("with stamps that were refreshed, so that the next hit rereads nothing", async () => {
    // A clock ahead makes every stamp an old one, which can be trusted.
    const workspace = workspaceOf(APP, { now: () => Date.now() + 60_000 });
    const { memo } = workspace.options;
    const puts: string[] = [];
    const counted = {
      get: memo.get,
      put: (key: string, value: Uint8Array) => {
        puts.push(key);
        return memo.put(key, value);
      },
    };
    const counting = { ...workspace.options, memo: counted };
    const { evaluate } = await import("./evaluate.ts");
    const run = () => evaluate(counting, ["app"])();
    await run();
    expect(puts.splice(0)).toHaveLength(4);
    await run();
    expect(puts).toEqual([]);
    workspace.write({ "cab.lock": lockOf({ "https://example.org/other.tgz": "b" }) });
    await run();
    expect(puts.splice(0)).toHaveLength(1);
    await run();
    expect(puts).toEqual([]);
    utimesSync(join(workspace.root, "derivations/app.conf"), new Date(0), new Date(0));
    await run();
    expect(puts.splice(0)).toHaveLength(1);
    await run();
    expect(puts).toEqual([]);
  });

  it("apart from other names, platforms and versions", async () => {
    const workspace = workspaceOf({ ...APP, "derivations/b.ts": `${USE_THING}\nexport default thing("b");\n` });
    const { options } = workspace;
    const { evaluate } = await import("./evaluate.ts");
    const outcome = async (more: object, ...names: string[]) => {
      const result = await evaluate({ ...options, ...more }, names)();
      return isRight(result) ? result.right.memo._tag : result.left._tag;
    };
    expect(await outcome({}, "app")).toBe("Absent");
    expect(await outcome({}, "app", "b")).toBe("Absent");
    expect(await outcome({}, "b", "app")).toBe("Hit");
    expect(await outcome({ version: "other" }, "app")).toBe("Absent");
    expect(await outcome({ platform: { ...options.platform, link: "static" } }, "app")).toBe("Absent");
    expect(await outcome({}, "app")).toBe("Hit");
  });

  it("and is made again where the memo is damaged", async () => {
    const memo = memoryMemo();
    const workspace = workspaceOf(APP, { memo });
    const { roots } = await workspace.evaluation("app");
    const [record] = [...memo.values.keys()].filter((key) => key.endsWith(".record")) as [string];
    const [graph] = [...memo.values.keys()].filter((key) => key.endsWith(".graph")) as [string];
    const whole = memo.values.get(record) as Uint8Array;
    for (const damaged of [new Uint8Array(), Buffer.from("foreign"), whole.slice(0, -1), flipped(whole)]) {
      memo.values.set(record, damaged);
      const again = await workspace.evaluation("app");
      expect(again).toMatchObject({ roots, memo: { _tag: "Absent" } });
    }
    memo.values.set(graph, flipped(memo.values.get(graph) as Uint8Array));
    const hit = await workspace.evaluation("app");
    const lookup = await hit.derivations();
    expect(hit.memo).toEqual(HIT);
    expect(isRight(lookup) && lookup.right(roots[0]?.drv as never)?.name).toBe("app-1");
  });

  it("and a hit loads neither bundler, realm, hashes nor, before a derivation is wanted, core", () => {
    const folder = temporaryFolder();
    const workspace = workspaceOf(APP);
    const script = `
      import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
      const { evaluate } = await import(${JSON.stringify(join(import.meta.dirname, "evaluate.ts"))});
      const { memoFiles } = await import(${JSON.stringify(join(import.meta.dirname, "memo-files.ts"))});
      const memo = memoFiles({ folder: ${JSON.stringify(folder)}, capacity: 1e8 });
      const options = { ...${JSON.stringify({ ...workspace.options, memo: undefined })}, memo, now: () => Date.now() + 60000 };
      const result = await evaluate(options, ["app"])();
      const loadedByHit = [...loaded];
      await result.right.derivations();
      process.stdout.write(JSON.stringify({ memo: result.right.memo._tag, loadedByHit, loaded }));
      process.exit(0);
    `;
    const run = () => {
      const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
        encoding: "utf8",
      });
      if (stdout === "") throw new Error(stderr);
      return JSON.parse(stdout) as { memo: string; loadedByHit: string[]; loaded: string[] };
    };
    expect(run().memo).toBe("Absent");
    const { memo, loadedByHit, loaded } = run();
    expect(memo).toBe("Hit");
    expect(loadedByHit.filter((url) => url.includes("packages/core"))).toEqual([]);
    const costly = /esbuild|trace-mapping|node:(vm|crypto|inspector)|\/(fresh|observe|lock|used-pins)\.ts$/;
    expect(loaded.filter((url) => costly.test(url))).toEqual([]);
  });
});

it("a seal holds wherever in memory the bytes lie, and shows any change", () => {
  for (const length of [0, 1, 2, 3, 4, 5, 8, 31]) {
    const payload = Buffer.from(Array.from({ length }, (_, i) => i + 1));
    const value = sealed(payload);
    for (const offset of [0, 1, 2, 3]) {
      const moved = new Uint8Array(value.length + offset).subarray(offset);
      moved.set(value);
      expect(openSealed(moved)).toEqual(payload);
      for (let i = 0; i < moved.length; i++) {
        expect(openSealed(moved.map((byte, k) => (k === i ? byte ^ 0x40 : byte)))).toBeUndefined();
      }
      expect(openSealed(moved.subarray(0, -1))).toBeUndefined();
      expect(openSealed(Buffer.concat([moved, Buffer.alloc(1)]))).toBeUndefined();
    }
  }
});

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 1 : byte));

describe("memo files", () => {
  it("give back what was put, and nothing else", () => {
    const memo = memoFiles({ folder: join(temporaryFolder(), "memo"), capacity: 1000 });
    expect(memo.get("a")).toBeUndefined();
    memo.put("a", Buffer.from("x"));
    expect(memo.get("a")).toEqual(Buffer.from("x"));
  });

  it("stay within their size, the oldest going first", () => {
    const folder = temporaryFolder();
    const memo = memoFiles({ folder, capacity: 25 });
    for (const [i, key] of ["a", "b", "c"].entries()) {
      memo.put(key, Buffer.alloc(10));
      utimesSync(join(folder, key), i, i);
    }
    memo.put("d", Buffer.alloc(10));
    expect(readdirSync(folder).sort()).toEqual(["c", "d"]);
  });

  it("are forgone where they cannot be written", () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    const memo = memoFiles({ folder: file, capacity: 100 });
    memo.put("a", Buffer.from("x"));
    expect(memo.get("a")).toBeUndefined();
  });
});
