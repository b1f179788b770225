import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ObjectInfo, type RealisationKey, type StorePath, storePath, utf8 } from "@cab/core";
import { open } from "lmdb";
import { describe, expect, test } from "vitest";
import { openDatabase } from "./database.ts";
import { StoreException } from "./failure.ts";
import { layoutOf, prepareLayout, refusedFileSystem } from "./layout.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { sealValue } from "./sealed-value.ts";
import { openStore } from "./store.ts";
import { leftOf, rightOf, temporaryDirectory } from "./testing/rig.ts";

const KEY = `drv:${"a".repeat(64)}:out` as RealisationKey;
const PATH = storePath("test:path", "path-1");

const info = (path: StorePath, references: readonly StorePath[] = []): ObjectInfo => ({
  path,
  kind: "dir",
  digest: "1".repeat(64),
  namingDigest: "2".repeat(64),
  selfDigest: null,
  size: 2 ** 40,
  references,
  deriver: null,
});

/** Opens the environment as another program would, and changes one table behind the database's back. */
async function tamper(
  directory: string,
  table: string,
  change: (db: ReturnType<ReturnType<typeof open>["openDB"]>) => void,
) {
  const env = open({ path: directory, encoding: "binary", overlappingSync: false });
  const db = env.openDB({ name: table, encoding: "binary" });
  env.transactionSync(() => change(db));
  await env.close();
}

function failureOf(lookup: () => unknown): unknown {
  try {
    return lookup();
  } catch (error) {
    if (error instanceof StoreException) return error.failure;
    throw error;
  }
}

describe("the database", () => {
  test("gives back what was written, to this process and to the next", async () => {
    const directory = join(temporaryDirectory(), "db");
    const first = openDatabase({ root: "/root", directory });
    const referrer = storePath("test:referrer", "referrer-1");
    const longest = storePath("test:longest", "n".repeat(200));
    first.write((writer) => {
      writer.realisation({ key: KEY, path: PATH });
      writer.object(info(PATH, [longest]));
      writer.object({ ...info(referrer, [PATH, longest]), selfDigest: "3".repeat(64), deriver: "4".repeat(64) });
      writer.buildSeconds("path-1", 0.25);
      writer.directory("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", utf8(""));
    });
    await first.close();
    const second = openDatabase({ root: "/root", directory });
    expect(second.realisation(KEY)).toBe(PATH);
    expect(second.object(PATH)).toEqual(info(PATH, [longest]));
    expect(second.object(referrer)?.selfDigest).toBe("3".repeat(64));
    expect(second.referrers(longest)).toEqual([PATH, referrer].sort());
    expect(second.referrers(referrer)).toEqual([]);
    expect(second.buildSeconds("path-1")).toBe(0.25);
    expect(second.buildSeconds("other-1")).toBeUndefined();
    expect(second.directory("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")).toEqual({
      files: [],
      directories: [],
      symlinks: [],
    });
    await second.close();
  });

  test("writes nothing of a transaction that throws", async () => {
    const database = openDatabase({ root: "/root", directory: join(temporaryDirectory(), "db") });
    const action = (): never =>
      database.write((writer) => {
        writer.realisation({ key: KEY, path: PATH });
        throw new Error("on the way");
      });
    expect(action).toThrow("on the way");
    expect(database.realisation(KEY)).toBeUndefined();
    await database.close();
  });

  test("of a newer version is refused", async () => {
    const root = temporaryDirectory();
    await rightOf(openStore({ root, builder: null })).close();
    const newer = utf8(String(SCHEMA_VERSION + 1));
    await tamper(join(root, "var/db"), "meta", (db) => db.putSync("schema", sealValue("meta", "schema", newer)));
    expect(leftOf(openStore({ root, builder: null }))).toEqual({
      _tag: "StoreTooNew",
      root,
      found: SCHEMA_VERSION + 1,
      supported: SCHEMA_VERSION,
    });
  });

  test("notices a value that was damaged or that belongs to another key", async () => {
    const directory = join(temporaryDirectory(), "db");
    const first = openDatabase({ root: "/root", directory });
    first.write((writer) => writer.realisation({ key: KEY, path: PATH }));
    await first.close();
    const other = KEY.replace(":out", ":dev") as RealisationKey;
    await tamper(directory, "realisations", (db) => {
      const value = Buffer.from(db.get(KEY) as Buffer);
      db.putSync(other, value);
      value[20] = (value[20] as number) ^ 1;
      db.putSync(KEY, value);
    });
    const second = openDatabase({ root: "/root", directory });
    const failures = [KEY, other].map((key) => failureOf(() => second.realisation(key)));
    expect(failures).toEqual([KEY, other].map((key) => ({ _tag: "StoreDamaged", table: "realisations", key })));
    await second.close();
  });
});

describe("the layout", () => {
  test("NFS and its kind are refused by their type", () => {
    expect([0x6969, 0xff534d42, 0xef53].map(refusedFileSystem)).toEqual(["NFS", "CIFS", undefined]);
  });

  test("objects or a database on NFS are refused, wherever the root lies", () => {
    const layout = layoutOf(temporaryDirectory());
    prepareLayout(layout);
    const remote = [layout.root, layout.store, layout.database].map((directory) => {
      const failure = failureOf(() => prepareLayout(layout, (file) => (file === directory ? 0x6969 : 0xef53)));
      return (failure as { readonly reason: string }).reason;
    });
    const refused = (what: string): string => `${what} lies on NFS, where locks and renames are not dependable`;
    expect(remote).toEqual(["it", layout.store, layout.database].map(refused));
  });

  test("a root that cannot be made is a failure", () => {
    const file = join(temporaryDirectory(), "file");
    writeFileSync(file, "");
    const failure = leftOf(openStore({ root: join(file, "cab"), builder: null }));
    expect({ ...failure, message: "" }).toEqual({
      _tag: "StoreIo",
      operation: "open the store",
      file: join(file, "cab"),
      code: "ENOTDIR",
      message: "",
    });
  });
});
