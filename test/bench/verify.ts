/**
 * `cab verify --contents` of the whole measured store, beside `sha256sum` of the same files on all cores. Each inode is read
 * once by both: the pool names most of them, and cab's objects the rest.
 *
 *     node test/bench/verify.ts
 */
import { lstatSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { CAB, CHECKOUT, inTemporaryFolder, measure, megabytes, ROOT, realised, report, run } from "./support.ts";

await realised("ldap-server");

/** One name of each file below the folder. */
function filesBelow(top: string): { readonly files: string[]; readonly bytes: number } {
  const inodes = new Set<number>();
  const files: string[] = [];
  let bytes = 0;
  for (const entry of readdirSync(top, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const { ino, size } = lstatSync(file);
    if (inodes.has(ino)) continue;
    inodes.add(ino);
    files.push(file);
    bytes += size;
  }
  return { files, bytes };
}

await inTemporaryFolder("verify", async (folder) => {
  const { files, bytes } = filesBelow(join(ROOT, "store"));
  const list = join(folder, "files");
  writeFileSync(list, files.map((file) => `${file}\0`).join(""));
  const cores = availableParallelism();
  const sums = ["-0", "-a", list, "-P", String(cores), "-n", String(Math.ceil(files.length / cores / 16)), "sha256sum"];
  const timings = await measure({ rounds: 5 }, [
    { name: `sha256sum on ${cores} cores`, run: async () => void (await run("xargs", sums, { stdio: "ignore" })) },
    {
      name: "cab verify --contents",
      run: async () => {
        const env = { ...process.env, CAB_ROOT: ROOT };
        await run(CAB, ["verify", "--contents"], { cwd: CHECKOUT, env, stdio: "ignore" });
      },
    },
  ]);
  report(`${files.length} files, ${megabytes(bytes)}`, timings);
});
