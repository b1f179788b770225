/**
 * What the sandbox adds to a trivial build: 1,000 builds of `true` with 0, 20 and 50 inputs through the executor, one after
 * the other, beside a bare `bwrap … true` with the same tools; and 1,000 of a builtin, which needs no process. The tools are
 * cab's own, which are realised first.
 *
 *     node test/bench/sandbox.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { arch } from "node:process";
import { type BuildJob, type DrvHash, type ResolvedDerivation, type StorePath, storePath } from "@cab/core";
import { createExecutor } from "@cab/executor";
import { type Contender, inTemporaryFolder, measure, realised, report, rightOf, run } from "./support.ts";

const ROUNDS = 10;
const BUILDS = 100;

const tools = await realised("sandbox");

await inTemporaryFolder("sandbox", async (folder) => {
  // The tools are the root too, with the places that are mounted on.
  const root = `${folder}/root`;
  await run("cp", ["-a", tools, root]);
  await run("chmod", ["-R", "u+w", root]);
  await run("chmod", ["755", folder]);
  for (const place of ["proc", "dev", "tmp", "build", "cab/store"]) mkdirSync(`${root}/${place}`, { recursive: true });
  const rootPath = storePath("bench:root", "root");
  const files = new Map<StorePath, string>([[rootPath, root]]);
  const inputs = Array.from({ length: 50 }, (_, i): StorePath => {
    const path = storePath(`bench:input:${i}`, "input");
    mkdirSync(`${folder}/input-${i}`);
    writeFileSync(`${folder}/input-${i}/file`, "");
    files.set(path, `${folder}/input-${i}`);
    return path;
  });

  const executor = createExecutor({ env: {}, openLog: () => `${folder}/log` });
  let count = 0;
  const build = async (drv: Partial<ResolvedDerivation>, inputCount: number): Promise<void> => {
    const scratch = { storeDir: `${folder}/build-${count}/store`, buildDir: `${folder}/build-${count++}/build` };
    mkdirSync(scratch.storeDir, { recursive: true });
    mkdirSync(scratch.buildDir);
    const job: BuildJob = {
      drv: {
        name: "trivial",
        system: arch === "arm64" ? "aarch64-linux" : "x86_64-linux",
        builder: "/usr/bin/true",
        args: [],
        env: {},
        rootfs: rootPath,
        sandbox: "cab-sandbox@1",
        inputDrvs: {},
        inputSrcs: [],
        outputs: { out: { _tag: "ContentAddressed" } },
        ...drv,
      },
      drvHash: "0".repeat(64) as DrvHash,
      scratch,
      inputs: inputs.slice(0, inputCount),
      sandboxTools: rootPath,
      physical: (path) => files.get(path) as string,
      signal: new AbortController().signal,
      onBytes: () => {},
    };
    rightOf(await executor.builder.build(job)());
  };
  const many = (name: string, one: () => Promise<unknown>, inProcess = false): Contender => ({
    name,
    inProcess,
    run: async () => {
      for (let i = 0; i < BUILDS; i++) await one();
    },
  });

  const libraries = `${root}/usr/lib/${arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
  const loader = `${libraries}/ld-linux-${arch === "arm64" ? "aarch64.so.1" : "x86-64.so.2"}`;
  const bwrap = ["--inhibit-cache", "--library-path", libraries, `${root}/usr/bin/bwrap`, "--unshare-all"];
  bwrap.push("--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--", "/usr/bin/true");
  const timings = await measure({ rounds: ROUNDS }, [
    many("bwrap true", () => run(loader, bwrap, { stdio: "ignore" })),
    many("sandboxed, no inputs", () => build({}, 0)),
    many("sandboxed, 20 inputs", () => build({}, 20)),
    many("sandboxed, 50 inputs", () => build({}, 50)),
    many("builtin:write@1", () => build({ builder: "builtin:write@1", env: { text: "x" } }, 0), true),
  ]);
  await executor.close();
  report(`one build, of ${ROUNDS * BUILDS}`, timings, BUILDS);
});
