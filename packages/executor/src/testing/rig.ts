/** Runs single derivations in a temporary folder, for tests. No store: outputs are looked at where the builder left them. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  type BuildFailure,
  type BuildJob,
  baseName,
  type DrvHash,
  type OutputSpec,
  type ResolvedDerivation,
  type StorePath,
  scratchPath,
  storePath,
} from "@cab/core";
import { plainDerivation } from "@cab/core/testing";
import type { Either } from "fp-ts/lib/Either.js";
import { createExecutor, type Executor, type ExecutorOptions } from "../executor.ts";
import { testScratch } from "./scratch.ts";

export interface Rig {
  readonly folder: string;
  readonly executor: Executor;
  /** Makes a file or tree of the test's an input, under a path of this name. */
  readonly input: (name: string, file: string) => StorePath;
  readonly job: (drv: Partial<ResolvedDerivation>, job?: Partial<BuildJob>) => BuildJob;
  readonly build: (drv: Partial<ResolvedDerivation>, job?: Partial<BuildJob>) => Promise<Either<BuildFailure, string>>;
  readonly logFile: (name: string) => string;
  readonly close: () => Promise<void>;
}

export function rig(options: Partial<ExecutorOptions> = {}): Rig {
  const folder = mkdtempSync(`${tmpdir()}/cab-executor-`);
  const logFile = (name: string): string => `${folder}/log/${name}.log`;
  const executor = createExecutor({
    env: {},
    aptDir: `${folder}/no-apt`,
    openLog: ({ drv }) => logFile(drv.name),
    ...options,
  });
  const files = new Map<StorePath, string>();
  let scratches = 0;
  const job = (drv: Partial<ResolvedDerivation>, more: Partial<BuildJob> = {}): BuildJob => {
    const scratch = testScratch(`${folder}/scratch-${scratches++}`);
    return {
      drv: plainDerivation({ builder: "builtin:write@1", ...drv }),
      drvHash: "0".repeat(64) as DrvHash,
      scratch,
      inputs: [...files.keys()],
      sandboxTools: null,
      physical: (path) => files.get(path) as string,
      signal: new AbortController().signal,
      onBytes: () => {},
      ...more,
    };
  };
  return {
    folder,
    executor,
    logFile,
    job,
    input: (name, file) => {
      const path = storePath(`test:${file}`, name);
      files.set(path, file);
      return path;
    },
    build: async (drv, more) => {
      const one = job(drv, more);
      const result = await executor.builder.build(one)();
      return result._tag === "Left" ? result : { _tag: "Right", right: outputOf(one) };
    },
    close: async () => {
      await executor.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const outputOf = ({ drv, scratch }: BuildJob): string =>
  `${scratch.storeDir}/${baseName(scratchPath(drv.name, "out"))}`;

export const fixedOutput = (
  algo: "sha256" | "sha512",
  digest: string,
  mode: "flat" | "tree" = "flat",
): Record<string, OutputSpec> => ({
  out: { _tag: "FixedOutput", algo, digest, mode },
});

/** A tree as one value: text of files (`*` behind an executable's name), `-> target` of links. Empty directories show as null. */
export function treeOf(root: string): unknown {
  const entries = readdirSync(root, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(
    entries.map((entry) => {
      const file = `${root}/${entry.name}`;
      if (entry.isDirectory()) return [entry.name, readdirSync(file).length === 0 ? null : treeOf(file)];
      if (entry.isSymbolicLink()) return [entry.name, `-> ${readlinkSync(file)}`];
      const mark = (statSync(file).mode & 0o100) === 0 ? "" : "*";
      return [`${entry.name}${mark}`, readFileSync(file, "utf8")];
    }),
  );
}

/** The output's tree, or the failure: what most tests compare. */
export const resultOf = (result: Either<BuildFailure, string>): unknown =>
  result._tag === "Left"
    ? result.left
    : statSync(result.right).isDirectory()
      ? treeOf(result.right)
      : readFileSync(result.right, "utf8");
