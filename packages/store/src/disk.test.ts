import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { removeTree } from "./remove-tree.ts";
import { syncAll } from "./sync.ts";
import { temporaryDirectory } from "./testing/rig.ts";

describe("syncing", () => {
  test("goes file by file where the file system cannot be synced as a whole", async () => {
    const directory = temporaryDirectory();
    const files = Array.from({ length: 40 }, (_, i) => join(directory, String(i)));
    for (const file of files) writeFileSync(file, "x");
    const asked: string[] = [];
    const missing = async (file: string): Promise<boolean> => {
      asked.push(file);
      return false;
    };
    await syncAll([directory, ...files], { directory, syncFileSystem: missing });
    expect(asked).toEqual([directory]);
    await expect(syncAll([join(directory, "gone")], { directory })).rejects.toMatchObject({ code: "ENOENT" });
    await expect(syncAll([...files, join(directory, "gone")], { directory })).resolves.toBeUndefined();
  });
});

describe("removing a tree", () => {
  test("takes one that is deeper than a path can say", async () => {
    const root = temporaryDirectory();
    const script = `const name = "d".repeat(200);
      for (let i = 0; i < 60; i++) { fs.mkdirSync(name); fs.writeFileSync("f", ""); process.chdir(name); }`;
    mkdirSync(join(root, "tree"));
    execFileSync(process.execPath, ["-e", script], { cwd: join(root, "tree") });
    await removeTree(join(root, "tree"));
    expect(readdirSync(root)).toEqual([]);
  });

  test("takes read-only directories and names that are not UTF-8", async () => {
    const directory = join(temporaryDirectory(), "tree");
    mkdirSync(join(directory, "inner"), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/inner/`), Buffer.from([0xff, 0xfe])]), "");
    chmodSync(join(directory, "inner"), 0o000);
    chmodSync(directory, 0o555);
    await removeTree(directory);
    await removeTree(directory);
    expect(() => readdirSync(directory)).toThrow("ENOENT");
  });
});
