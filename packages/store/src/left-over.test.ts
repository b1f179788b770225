/** Records and logs that collected objects leave behind. */
import { lutimesSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type DrvHash, drvHash, type ObjectInfo, sha256Hex, storePath, utf8 } from "@cab/core";
import { expect, onTestFinished, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { layoutOf, logFile, prepareLayout } from "./layout.ts";
import { removeOldLogs, removeUnusedRecords } from "./left-over.ts";
import { derivation, temporaryDirectory } from "./testing/rig.ts";

const EMPTY = utf8("");
const DIGEST = sha256Hex(EMPTY);

const info = (name: string, deriver: DrvHash | null = null): ObjectInfo => ({
  ...{ path: storePath(name, name), kind: "dir", digest: DIGEST, namingDigest: DIGEST, selfDigest: null, size: 0 },
  references: [],
  deriver,
});

function database(): Database {
  const opened = openDatabase({ root: "/root", directory: join(temporaryDirectory(), "db") });
  onTestFinished(() => opened.close());
  return opened;
}

test("what an object that was just registered has is no left-over, though nothing had it when marking began", async () => {
  const db = database();
  const drv = derivation("fetched-1");
  db.write((writer) => {
    writer.directory(DIGEST, EMPTY);
    writer.derivation(drvHash(drv), drv);
  });
  let registered = false;
  const write: Database["write"] = (action) => {
    // Another process is first to get the lock.
    if (!registered) db.write((writer) => writer.object(info("new-1", drvHash(drv))));
    registered = true;
    return db.write(action);
  };
  await removeUnusedRecords({ ...db, write });
  expect([db.directory(DIGEST), db.derivation(drvHash(drv))?.name]).toEqual([
    { files: [], directories: [], symlinks: [] },
    "fetched-1",
  ]);
  db.write((writer) => writer.removeObject(info("new-1")));
  await removeUnusedRecords(db);
  expect([db.directory(DIGEST), db.derivation(drvHash(drv))]).toEqual([undefined, undefined]);
});

test("logs go 30 days after their build, unless what it made is here", async () => {
  const layout = layoutOf(temporaryDirectory());
  prepareLayout(layout);
  const DAY = 24 * 3600;
  const now = 1000 * DAY;
  const drvs = { old: "a", young: "b", kept: "c", future: "d" };
  const log = (letter: string, age: number): void => {
    const file = `${logFile(layout, letter.repeat(64))}.zst`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "");
    lutimesSync(file, now - age * DAY, now - age * DAY);
  };
  log(drvs.old, 31);
  log(drvs.young, 29);
  log(drvs.kept, 31);
  log(drvs.future, -31);
  await removeOldLogs(layout, now * 1000, (drv) => drv === drvs.kept.repeat(64));
  const left = readdirSync(layout.logs).filter((folder) => readdirSync(join(layout.logs, folder)).length > 0);
  expect(left.sort()).toEqual(["bb", "cc", "dd"]);
});
