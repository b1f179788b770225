import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { fixedOutput, resultOf, rig } from "../testing/rig.ts";
import { digestTree } from "../tree/tree-digest.ts";

const setup = rig({ workspaceRoots: { user: "" } });
const root = `${setup.folder}/workspace`;
const { build, close } = rig({ workspaceRoots: { user: root } });
afterAll(async () => {
  await setup.close();
  await close();
});

mkdirSync(`${root}/conf/sub`, { recursive: true });
writeFileSync(`${root}/conf/slapd.conf`, "include x\n");
chmodSync(`${root}/conf/slapd.conf`, 0o755);
symlinkSync("../slapd.conf", `${root}/conf/sub/link`);
mkdirSync(`${root}/bad`);
symlinkSync("../../outside", `${root}/bad/link`);
writeFileSync(`${setup.folder}/outside`, "secret");
symlinkSync("../outside", `${root}/out`);

const digest = async (file: string) => (await digestTree(Buffer.from(`${root}/${file}`)))?.hash as string;
const local = (file: string, hash: string, mode: "flat" | "tree") =>
  build({ builder: "builtin:local@1", env: { workspace: "user", file }, outputs: fixedOutput("sha256", hash, mode) });

test("a file is copied, and is no program", async () => {
  const result = await local("conf/slapd.conf", await digest("conf/slapd.conf"), "flat");
  expect(resultOf(result)).toBe("include x\n");
  expect(result._tag === "Right" && statSync(result.right).mode & 0o777).toBe(0o644);
});

test("a directory is copied with its links", async () => {
  expect(resultOf(await local("conf", await digest("conf"), "tree"))).toEqual({
    "slapd.conf*": "include x\n",
    sub: { link: "-> ../slapd.conf" },
  });
});

test("what changed or vanished since evaluating says so", async () => {
  const hash = "0".repeat(64);
  expect(resultOf(await local("conf/slapd.conf", hash, "flat"))).toEqual({
    _tag: "LocalSourceChanged",
    file: "conf/slapd.conf",
    reason: `its digest was ${hash}, and now is ${await digest("conf/slapd.conf")}`,
  });
  expect(resultOf(await local("gone", hash, "flat"))).toMatchObject({
    _tag: "LocalSourceChanged",
    reason: "it is gone",
  });
  expect(resultOf(await local("conf", hash, "flat"))).toMatchObject({ reason: "expected a file" });
});

test("no way leads out of the workspace", async () => {
  const hash = "0".repeat(64);
  expect(resultOf(await local("../outside", hash, "flat"))).toMatchObject({ _tag: "BadArguments" });
  expect(resultOf(await local("out", hash, "flat"))).toMatchObject({
    _tag: "BadArguments",
    reason: '"out" is a link that leads out of the workspace',
  });
  expect(resultOf(await local("bad", hash, "tree"))).toMatchObject({
    _tag: "BadArguments",
    reason: '"bad/link" is a link out of the workspace',
  });
});
