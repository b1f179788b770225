/**
 * What bubblewrap is told: the whole of what a builder sees, as "cab-sandbox@1" fixes it. Pure but for one `lstat` of
 * each input. Knows nothing of running it.
 */
import { lstatSync, readlinkSync } from "node:fs";
import { type BuildJob, baseName, SANDBOX_USER, STORE_DIR } from "@cab/core";
import { fail } from "../failure.ts";
import { type SandboxPrograms, startInTree } from "./programs.ts";

export interface SandboxSettings {
  /** As root no user namespace is made: bubblewrap mounts with root's rights, and the builder gets none of them. */
  readonly privileged: boolean;
  /** What CAB_CORES says. */
  readonly cores: number;
  /** Bytes that /tmp may hold; it is kept in memory. */
  readonly tmpBytes: number;
  /** Address space of each of the builder's processes, in bytes; null leaves it open. */
  readonly memoryBytes: number | null;
  readonly openFiles: number;
  readonly processes: number;
}

export interface SandboxCommand {
  /** The words to run; bubblewrap reads its options from one descriptor and reports on the other. */
  readonly argv: readonly [string, ...string[]];
  /** What goes into `OPTIONS_FD`. */
  readonly options: Buffer;
}

export const OPTIONS_FD = 3;
export const STATUS_FD = 4;

/** Where, as root, the sandbox's own programs stand. The folder has no entry that a builder could list. */
const TOOLS_MOUNT = "/dev/.cab/tools";

export function sandboxCommand(job: BuildJob, programs: SandboxPrograms, settings: SandboxSettings): SandboxCommand {
  const { drv, scratch } = job;
  const builder = [checkedBuilder(job), ...drv.args];
  if (builder.some((word) => word.includes("\0"))) bad(job, "an argument holds a NUL byte");
  const { privileged } = settings;
  const env = environment(job, settings);
  const options = [
    ...NAMESPACES,
    ...(privileged
      ? ["--cap-drop", "ALL", ...GIVING_UP.flatMap((capability) => ["--cap-add", capability])]
      : ["--unshare-user", "--uid", String(SANDBOX_USER.uid), "--gid", String(SANDBOX_USER.gid), "--cap-drop", "ALL"]),
    ...(drv.rootfs === null ? [] : ["--ro-bind", job.physical(drv.rootfs), "/"]),
    ...["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"],
    ...["--perms", "1777", "--size", String(settings.tmpBytes), "--tmpfs", "/tmp"],
    ...["--bind", scratch.buildDir, "/build", "--bind", scratch.storeDir, STORE_DIR],
    ...job.inputs.flatMap((path) => inputMount(job.physical(path), `${STORE_DIR}/${baseName(path)}`)),
    ...(privileged ? ["--perms", "0711", "--dir", "/dev/.cab", "--ro-bind", tree(programs), TOOLS_MOUNT] : []),
    ...["--remount-ro", "/dev", ...(drv.rootfs === null ? ["--remount-ro", "/"] : [])],
    ...["--chdir", "/build", "--clearenv"],
    ...(privileged ? [] : env.flatMap(([key, value]) => ["--setenv", key, value])),
  ];
  const inside = privileged ? [...dropTo(job), ...env.map(([key, value]) => `${key}=${value}`), ...builder] : builder;
  const argv = [...limits(programs, settings), ...programs.outside("bwrap")];
  argv.push("--args", String(OPTIONS_FD), "--json-status-fd", String(STATUS_FD), "--", ...inside);
  return { argv: argv as [string, ...string[]], options: Buffer.from(options.map((word) => `${word}\0`).join("")) };
}

const NAMESPACES = [
  ...["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
  ...["--hostname", "cab", "--die-with-parent", "--new-session"],
];

/** What `setpriv` needs to give up everything, these too. */
const GIVING_UP = ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"];

/**
 * As root: becomes the builder's user first, and only then meets the derivation's environment, so that an LD_PRELOAD in
 * it is never loaded by a process of root's.
 */
const dropTo = ({ drv }: BuildJob): string[] => [
  ...startInTree(TOOLS_MOUNT, "setpriv", drv.system),
  ...[
    `--reuid=${SANDBOX_USER.uid}`,
    `--regid=${SANDBOX_USER.gid}`,
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
  ],
  ...startInTree(TOOLS_MOUNT, "env", drv.system),
  "--ignore-environment",
];

function limits(programs: SandboxPrograms, { memoryBytes, openFiles, processes }: SandboxSettings): string[] {
  const memory = memoryBytes === null ? [] : [`--as=${memoryBytes}`];
  return [...programs.outside("prlimit"), "--core=0", `--nofile=${openFiles}`, `--nproc=${processes}`, ...memory];
}

function inputMount(file: string, place: string): string[] {
  // A link cannot be mounted on; it is made anew, and its target leads wherever it leads inside the sandbox.
  if (lstatSync(file).isSymbolicLink()) return ["--symlink", readlinkSync(file), place];
  return ["--ro-bind", file, place];
}

/** Fixed by cab-sandbox@1; the derivation's own environment comes over it. */
const fixedEnvironment = (cores: number): Readonly<Record<string, string>> => ({
  HOME: "/homeless-shelter",
  PWD: "/build",
  TZ: "UTC",
  LC_ALL: "C",
  SOURCE_DATE_EPOCH: "315532800",
  CAB_CORES: String(cores),
});

function environment(job: BuildJob, { cores }: SandboxSettings): [string, string][] {
  const env = { ...fixedEnvironment(cores), ...job.drv.env };
  for (const [key, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(key)) bad(job, `${JSON.stringify(key)} cannot name an environment variable`);
    if (value.includes("\0")) bad(job, `the environment variable ${key} holds a NUL byte`);
  }
  return Object.entries(env);
}

function checkedBuilder(job: BuildJob): string {
  const { builder } = job.drv;
  // `env`, which starts it as root, would take a word with "=" for a variable.
  if (!builder.startsWith("/") || builder.includes("=")) bad(job, 'a builder is an absolute path without "="');
  return builder;
}

const bad = (job: BuildJob, reason: string): never => fail({ _tag: "BadArguments", builtin: job.drv.builder, reason });

function tree(programs: SandboxPrograms): string {
  if (programs.tree !== undefined) return programs.tree;
  return fail({
    _tag: "SandboxForbidden",
    reason: "as root, builders give up their rights by programs of the sandbox's own tree, and this build has none",
    remedy: "run cab as an ordinary user, or realise the sandbox's tools first",
  });
}
