/** One owner writes, others of the host read: whatever the owner's umask, through the real command, as another user. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cab,
  type Ended,
  fromCache,
  isRoot,
  realise,
  removeFolder,
  temporaryFolder,
  UNPRIVILEGED,
  workspace,
} from "./support.ts";
import { setStoreFormat } from "./tampered-store.ts";

const folder = temporaryFolder("readers");
afterAll(() => removeFolder(folder));

const RECIPE = `import { contentAddressed, definePackage } from "@cab/core";
import seed from "@cab/derivations/toolchain/seed.ts";
const it = (name: string) => definePackage({ name }, () => ({
  name,
  builder: "/bin/bash",
  args: ["-ec", "echo made; umask 0; mkdir $out; > $out/file; chmod 777 $out/file; mkdir $out/sticky; chmod 3777 $out/sticky"],
  env: { PATH: "/usr/bin" },
  rootfs: seed,
  outputs: contentAddressed(["out"]),
}));
`;

const cwd = workspace(join(folder, "workspace"), {
  "derivations/it.ts": `${RECIPE}export default it("it");\n`,
  "derivations/other.ts": `${RECIPE}export default it("other");\n`,
});
execFileSync("chmod", ["-R", "a+rX", folder]);

/** Like the shell's `umask`, for one command. */
const umask = (mask: string): string[] => ["sh", "-c", `umask ${mask}; exec "$@"`, "sh"];

const rootUnder = (mask: string): string => join(folder, `root-${mask}`);

async function fill(mask: string): Promise<void> {
  const of = { root: rootUnder(mask), cwd, under: umask(mask) };
  await realise(["it"], { ...of, args: fromCache() });
  expect(await cab(["roots", "add", "it"], of)).toMatchObject({ code: 0 });
  expect(await cab(["gc", "--dry-run"], of)).toMatchObject({ code: 0 });
}

/** What `find` finds below a store's root, links left out: those have no modes. */
const found = (root: string, ...tests: string[]): string[] =>
  execFileSync("find", [root, "!", "-type", "l", ...tests], { encoding: "utf8" })
    .split("\n")
    .slice(0, -1);

beforeAll(async () => {
  for (const mask of ["000", "077"]) await fill(mask);
});

describe.each(["000", "077"])("a store that was made under the umask %s", (mask) => {
  const root = rootUnder(mask);

  test("can be written by its owner alone, its objects not even by him", () => {
    expect(found(root, "-perm", "/022")).toEqual([]);
    expect(found(join(root, "store"), "-mindepth", "1", "-perm", "/222", "!", "-name", ".links")).toEqual([]);
  });

  test("holds nothing that changes who runs it", () => {
    expect(found(root, "-perm", "/7000")).toEqual([]);
    expect(found(root, "!", "-type", "f", "!", "-type", "d")).toEqual([]);
  });

  test("can be read by everybody, but for what was remembered of the owner's own files", () => {
    const hidden = found(root, "!", "-perm", "-004");
    expect(hidden.filter((file) => !file.startsWith(join(root, "var/memo/")))).toEqual([]);
  });
});

describe.skipIf(!isRoot)("another user (needs root, to be one)", () => {
  const root = rootUnder("077");
  const as = (...args: string[]): Promise<Ended> => cab(args, { root, cwd, uid: UNPRIVILEGED });
  const owners = (...args: string[]): Promise<Ended> => cab(args, { root, cwd });

  test.each([
    [["path-info", "it"]],
    [["path-info", "--all", "--json"]],
    [["size", "it"]],
    [["why", "it", "it"]],
    [["diff", "it", "seed"]],
    [["realise", "it"]],
    [["realise", "--dry-run", "other"]],
    [["verify", "--contents"]],
    [["log", "it"]],
    [["eval", "it"]],
  ])("is answered as the owner is: %j", async (args) => {
    const [own, theirs] = [await owners(...args), await as(...args)];
    expect(theirs).toEqual(own);
    expect(own.code).toBe(0);
  });

  test("exports the same bytes", async () => {
    const files = [join(folder, "own.cab"), join(folder, "theirs.cab")] as const;
    const [own, theirs] = [
      await cab(["export", "it"], { root, cwd, stdout: files[0] }),
      await cab(["export", "it"], { root, cwd, uid: UNPRIVILEGED, stdout: files[1] }),
    ];
    expect([own.code, theirs.code]).toEqual([0, 0]);
    expect(spawnSync("cmp", files).status).toBe(0);
  });

  test.each([
    [["realise", "other"]],
    [["gc"]],
    [["gc", "--dry-run"]],
    [["roots"]],
    [["roots", "add", "it"]],
    [["roots", "remove", "it"]],
  ])("is told whose store it is, where it would have to be written to: %j", async (args) => {
    const { code, stdout, stderr } = await as(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.replace(/\n +/g, "\n")).toMatch(
      new RegExp(
        `^error: (other: )?the store at ${root} can only be read by you \\(it is uid 0's\\), and this needs to write to it\nask its owner, or set CAB_ROOT to a folder of your own\n$`,
      ),
    );
  });

  test("leaves nothing behind, neither in the store nor beside it", () => {
    expect(found(root, "-uid", String(UNPRIVILEGED))).toEqual([]);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("cab-database-"))).toEqual([]);
  });

  test("is told whom to ask where the store is an older cab's", async () => {
    await setStoreFormat(root, 0);
    const { code, stderr } = await as("path-info", "--all");
    expect([code, stderr]).toEqual([
      1,
      `error: the store at ${root} has format 0, this cab reads 1\nonly its owner can bring it there, by running any command of this cab on it; until then use the cab that wrote it\n`,
    ]);
    await setStoreFormat(root, 1);
  });

  test("keeps root from writing into a store of his own", async () => {
    const theirs = temporaryFolder("theirs", UNPRIVILEGED);
    try {
      const plain = join(theirs, "root");
      const imported = await cab(["import"], { root: plain, cwd, uid: UNPRIVILEGED, stdin: join(folder, "own.cab") });
      expect(imported).toMatchObject({ code: 0 });
      expect(await cab(["path-info", "--all"], { root: plain, cwd })).toMatchObject({ code: 0 });
      const { code, stderr } = await cab(["gc"], { root: plain, cwd });
      expect([code, stderr.includes(`it is uid ${UNPRIVILEGED}'s`)]).toEqual([1, true]);
      expect(found(plain, "!", "-uid", String(UNPRIVILEGED))).toEqual([]);
    } finally {
      if (existsSync(theirs)) removeFolder(theirs);
    }
  });
});
