/** What every builder port must do: the executor, and the one in memory that core's algorithm is tested against. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BuilderPort,
  type BuildJob,
  baseName,
  drvHash,
  type ResolvedDerivation,
  type Scratch,
  scratchFile,
  scratchPath,
} from "@cab/core";
import { createWorld, plainDerivation } from "@cab/core/testing";
import { createExecutor } from "@cab/executor";
import { describe, expect, onTestFinished, test } from "vitest";

interface Rig {
  readonly builder: BuilderPort;
  readonly scratch: Scratch;
  /** Content of a scratch file; undefined if there is none. */
  readonly read: (file: string) => string | undefined;
}

/** Makes one output of this text; an unknown version of the builtin is a failure that any builder reports. */
const derivation = (builder: string): ResolvedDerivation =>
  plainDerivation({ name: "note", builder, env: { text: "hello" } });

const rigs: readonly (readonly [string, () => Rig])[] = [
  [
    "the executor",
    () => {
      const folder = mkdtempSync(join(tmpdir(), "cab-conformance-"));
      const executor = createExecutor({ env: {}, openLog: () => join(folder, "log") });
      onTestFinished(async () => {
        await executor.close();
        rmSync(folder, { recursive: true });
      });
      const scratch = { storeDir: join(folder, "store"), buildDir: join(folder, "build") };
      for (const directory of [scratch.storeDir, scratch.buildDir]) mkdirSync(directory);
      const read = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : undefined);
      return { builder: executor.builder, scratch, read };
    },
  ],
  [
    "in memory",
    () => {
      const { builder, scratchFiles } = createWorld({
        behaviour: (drv) =>
          drv.builder === "builtin:write@1"
            ? { out: drv.env.text ?? "" }
            : { _tag: "BadArguments", builtin: drv.builder, reason: "unknown" },
      });
      return {
        builder,
        scratch: { storeDir: "/store", buildDir: "/build" },
        read: (file) => scratchFiles.get(file),
      };
    },
  ],
];

describe.each(rigs)("%s", (_, makeRig) => {
  const jobOf = ({ scratch }: Rig, builder: string, signal = new AbortController().signal): BuildJob => {
    const drv = derivation(builder);
    const ignore = (): void => {};
    return {
      drv,
      drvHash: drvHash(drv),
      scratch,
      inputs: [],
      sandboxTools: null,
      physical: (path) => path,
      signal,
      onBytes: ignore,
    };
  };
  const out = ({ scratch }: Rig): string => scratchFile(scratch, baseName(scratchPath("note", "out")));

  test("puts an output under its scratch path, and not before it is asked to", async () => {
    const rig = makeRig();
    const task = rig.builder.build(jobOf(rig, "builtin:write@1"));
    expect(rig.read(out(rig))).toBe(undefined);
    expect(await task()).toMatchObject({ _tag: "Right" });
    expect(rig.read(out(rig))).toBe("hello");
  });

  test("reports what went wrong as data", async () => {
    const rig = makeRig();
    const result = await rig.builder.build(jobOf(rig, "builtin:write@99"))();
    expect(result).toMatchObject({ _tag: "Left", left: { _tag: "BadArguments", builtin: "builtin:write@99" } });
  });

  test("makes nothing once it was told to stop", async () => {
    const rig = makeRig();
    const result = await rig.builder.build(jobOf(rig, "builtin:write@1", AbortSignal.abort()))();
    expect(result).toMatchObject({ _tag: "Left", left: { _tag: "Cancelled" } });
    expect(rig.read(out(rig))).toBe(undefined);
  });
});
