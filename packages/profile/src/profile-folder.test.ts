import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Refused } from "./failure.ts";
import type { GenerationRecord } from "./generation.ts";
import { openProfileFolder } from "./profile-folder.ts";
import { objectPath, temporaryFolder } from "./testing/rig.ts";

const record = (number: number): GenerationRecord => ({
  version: 1,
  number,
  path: objectPath(`build ${number}`),
  made: 1,
  commit: null,
  outcome: "pending",
  health: "unknown",
  from: null,
  state: [{ name: "data", format: "1", version: ".versions/data@1.1", backup: "data.2.1.gz", made: 1 }],
});

function folderOf() {
  const folder = join(temporaryFolder(), "role");
  return { folder, profile: openProfileFolder({ folder, role: "role", exclusively: async (action) => action() }) };
}

const failureOf = async (action: Promise<unknown>): Promise<unknown> =>
  action.catch((error: unknown) => (error instanceof Refused ? error.failure : error));

test("what was written is read, and lies where collectors look for it", async () => {
  const { folder, profile } = folderOf();
  expect(await profile.read()).toEqual({
    role: "role",
    generations: [],
    current: null,
    pending: null,
    next: 1,
    foreign: [],
  });
  for (const number of [1, 2, 10]) await profile.add(record(number), Buffer.from(`port = ${number}\n`));
  await profile.point("current", 2);
  await profile.point("pending", 10);
  await profile.hold("supervisor", objectPath("build 1"));
  expect(await profile.read()).toEqual({
    role: "role",
    generations: [record(1), record(2), record(10)],
    current: 2,
    pending: 10,
    next: 11,
    foreign: [],
  });
  expect(readlinkSync(join(folder, "generation-10"))).toBe(
    `../../../store/${record(10).path.slice("/cab/store/".length)}`,
  );
  expect(Buffer.from((await profile.params(10)) ?? []).toString()).toBe("port = 10\n");
  expect(await profile.held("supervisor")).toBe(objectPath("build 1"));
  await profile.unpoint("pending");
  expect((await profile.read()).pending).toBeNull();
  expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
});

test("what is none of cab's is listed, what is not whole does not count", async () => {
  const { folder, profile } = folderOf();
  await profile.add(record(1), Buffer.from(""));
  // A link without a record was never a generation; a record without a link was given up.
  symlinkSync("../../../store/x", join(folder, "generation-2"));
  await profile.add(record(3), Buffer.from(""));
  rmSync(join(folder, "generation-3"));
  for (const name of ["notes", "generation-x", "generation-01"]) writeFileSync(join(folder, name), "");
  mkdirSync(join(folder, "generation-9"));
  symlinkSync("generation-3", join(folder, "current"));
  const { generations, current, next, foreign } = await profile.read();
  expect([generations, current, next, foreign]).toEqual([
    [record(1)],
    null,
    4,
    ["generation-01", "generation-x", "notes"],
  ]);
  expect(await failureOf(profile.point("current", 3))).toEqual({ _tag: "NoGeneration", role: "role", number: 3 });
});

test("a damaged record names its file", async () => {
  const { folder, profile } = folderOf();
  await profile.add(record(1), Buffer.from(""));
  writeFileSync(join(folder, "generation-1.json"), '{"version":1,"number":7}');
  const file = join(folder, "generation-1.json");
  expect(await failureOf(profile.read())).toEqual({ _tag: "BadRecord", file, reason: "path: expected a text" });
});

test("a folder that cannot be made is an expected failure", async () => {
  const folder = join(temporaryFolder(), "file");
  writeFileSync(folder, "");
  const profile = openProfileFolder({ folder: join(folder, "role"), role: "role", exclusively: async (run) => run() });
  expect(await failureOf(profile.add(record(1), Buffer.from("")))).toMatchObject({
    _tag: "ProfileIo",
    code: "ENOTDIR",
  });
});
