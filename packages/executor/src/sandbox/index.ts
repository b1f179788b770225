/** Builds in the sandbox: programs, command, log and limits put together. Knows nothing of builtins. */
import { arch } from "node:process";
import { type BuildJob, SANDBOX_VERSION, type SecretSearch, type System } from "@cab/core";
import { fail } from "../failure.ts";
import { type SandboxSettings, sandboxCommand } from "./command.ts";
import { hostFacts } from "./host-facts.ts";
import { openBuildLog } from "./log.ts";
import type { LogPipes } from "./log-pipe.ts";
import { hostPrograms, missingIn, type SandboxPrograms, treePrograms } from "./programs.ts";
import { type RunLimits, runInSandbox } from "./run.ts";

export interface SandboxHost {
  readonly settings: SandboxSettings;
  readonly limits: RunLimits;
  readonly pipes: LogPipes;
  readonly inherited: readonly number[];
  /** PATH along which the host's own bubblewrap is looked for, where a build brings no tools; undefined: never. */
  readonly hostPath: string | undefined;
  /** The file for a build's log. It becomes `<file>.zst` when the build has ended. */
  readonly openLog: (job: BuildJob) => string;
  readonly secretSearch: () => SecretSearch | undefined;
  readonly onLog: (job: BuildJob, chunk: Uint8Array) => void;
}

export const hostSystem: System = arch === "arm64" ? "aarch64-linux" : "x86_64-linux";

export async function buildInSandbox(job: BuildJob, host: SandboxHost): Promise<void> {
  if (job.signal.aborted) fail({ _tag: "Cancelled" });
  if (job.drv.sandbox !== SANDBOX_VERSION) {
    const reason = `this cab offers ${SANDBOX_VERSION}, and the derivation was made for ${job.drv.sandbox}`;
    fail({ _tag: "BadArguments", builtin: job.drv.builder, reason });
  }
  if (job.drv.system !== hostSystem) {
    fail({
      _tag: "SandboxForbidden",
      reason: `the derivation is built on ${job.drv.system}, and this machine is ${hostSystem}`,
      remedy: "realise it on a machine of that kind, or fetch it from a cache",
    });
  }
  const programs = programsFor(job, host);
  const command = sandboxCommand(job, programs, host.settings);
  const log = openBuildLog(host.openLog(job));
  const search = host.secretSearch();
  try {
    const pipe = await host.pipes.open(programs);
    try {
      const onLog = (chunk: Uint8Array): void => {
        search?.update(chunk);
        host.onLog(job, chunk);
      };
      const { limits, inherited } = host;
      await runInSandbox({ job, command, pipe, log, limits, inherited, facts: hostFacts, onLog });
    } finally {
      pipe.release();
    }
  } finally {
    const secrets = search?.finish() ?? [];
    await (secrets.length > 0 ? log.discard() : log.complete());
    if (secrets.length > 0) fail({ _tag: "SecretInLog", secrets });
  }
}

function programsFor(job: BuildJob, { hostPath }: Pick<SandboxHost, "hostPath">): SandboxPrograms {
  if (job.sandboxTools !== null) {
    const tree = job.physical(job.sandboxTools);
    const missing = missingIn(tree, hostSystem);
    if (missing === undefined) return treePrograms(tree, hostSystem);
    fail({
      _tag: "SandboxForbidden",
      reason: `the sandbox's own tools, ${job.sandboxTools}, lack ${missing}`,
      remedy: "make them of bubblewrap, coreutils, util-linux and the libraries of these",
    });
  }
  const found = hostPath === undefined ? undefined : hostPrograms(hostPath);
  if (found !== undefined) return found;
  return fail({
    _tag: "SandboxForbidden",
    reason: "there is no bubblewrap: this build brings no tools for the sandbox, and the host has none",
    remedy: "install bubblewrap (and util-linux), or use a workspace whose toolchain has a sandbox",
  });
}
