/** Tries, for `cab doctor`, whether this host lets a sandbox be made. Knows nothing of builds. */
import type { BuildFailure } from "@cab/core";
import { whyForbidden } from "./forbidden.ts";
import { hostFacts, isPrivileged } from "./host-facts.ts";
import { hostSystem } from "./index.ts";
import { hostPrograms, treePrograms } from "./programs.ts";

export interface Probe {
  /** Where the sandbox's own tree lies on disk; null asks the host's bubblewrap along `path`. */
  readonly tools: string | null;
  readonly path: string;
}

/** Undefined if a sandbox with all its namespaces and mounts could be made. */
export async function probeSandbox({ tools, path }: Probe): Promise<BuildFailure | undefined> {
  const programs = tools === null ? hostPrograms(path) : treePrograms(tools, hostSystem);
  const facts = hostFacts();
  if (programs === undefined) {
    return { _tag: "SandboxForbidden", reason: "there is no bubblewrap", remedy: "install bubblewrap and util-linux" };
  }
  const { execa } = await import("execa");
  // A host may permit the namespaces and then refuse the mounts, so the probe mounts what a build mounts. It needs no
  // program inside: bubblewrap gets as far as finding none exactly where everything before went well.
  const user = isPrivileged(facts) ? [] : ["--unshare-user"];
  const [program, ...args] = [...programs.outside("bwrap"), ...user, "--unshare-pid", "--unshare-net", "--unshare-ipc"];
  args.push("--unshare-uts", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--", "/probe");
  const result = await execa(program as string, args, { extendEnv: false, stdin: "ignore", reject: false });
  const said = result.stderr.trim().split("\n").at(-1) ?? "";
  return said.includes("execvp /probe") ? undefined : whyForbidden(said || (result.originalMessage ?? ""), facts);
}
