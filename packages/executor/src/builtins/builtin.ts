/** What a builtin is: a builder that runs in process, and what it may use. Knows none of them. */
import { type BuildJob, baseName, scratchFile, scratchPath } from "@cab/core";
import type { UnpackLimits } from "../archives/budget.ts";
import { fail } from "../failure.ts";
import type { Network } from "../fetch/network.ts";
import type { NpmHost } from "../fetch/npm-registry.ts";
import type { GitHost } from "../git/command.ts";
import { type Arguments, argumentsOf } from "./arguments.ts";

/** What of the host the builtins may touch; the CLI decides. */
export interface BuiltinHost {
  readonly network: Network;
  /** Base URLs of Debian archives that are asked first, in order. */
  readonly debianMirrors: readonly string[];
  /** Where the host's apt is configured: `/etc/apt`. */
  readonly aptDir: string;
  readonly npm: NpmHost;
  readonly git: GitHost;
  readonly unpackLimits: UnpackLimits;
  /** Physical root of each workspace that `builtin:local@1` may read. */
  readonly workspaceRoots: Readonly<Record<string, string>>;
}

export interface BuiltinCall {
  readonly name: string;
  readonly args: Arguments;
  readonly job: BuildJob;
  readonly host: BuiltinHost;
  /** Where the output is to appear; nothing is there yet. */
  readonly out: string;
}

export interface Builtin {
  /** Name and version: `builtin:write@1`. A change of what it writes is another version. */
  readonly name: string;
  /** Keys of the derivation's environment that it reads. Others are refused, so that a misspelt one is no surprise. */
  readonly keys: readonly string[];
  /** Writes the output, or fails by `fail`. */
  readonly run: (call: BuiltinCall) => Promise<void>;
}

export async function runBuiltin(builtin: Builtin, job: BuildJob, host: BuiltinHost): Promise<void> {
  const { drv } = job;
  const outputs = Object.keys(drv.outputs);
  if (outputs.length !== 1 || outputs[0] !== "out") {
    fail({
      _tag: "BadArguments",
      builtin: builtin.name,
      reason: `it has one output, "out"; found ${outputs.join(", ")}`,
    });
  }
  if (drv.args.length > 0) {
    fail({ _tag: "BadArguments", builtin: builtin.name, reason: "it takes no arguments, only an environment" });
  }
  const args = argumentsOf({ builtin: builtin.name, env: drv.env, keys: builtin.keys, ignored: outputs });
  const out = scratchFile(job.scratch, baseName(scratchPath(drv.name, "out")));
  if (job.signal.aborted) fail({ _tag: "Cancelled" });
  await builtin.run({ name: builtin.name, args, job, host, out });
}
