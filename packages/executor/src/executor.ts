/**
 * The executor: dispatches a derivation to a builtin or to the sandbox. The one door of this package for building.
 * Knows nothing of the store or of what is built when.
 */
import { availableParallelism, tmpdir } from "node:os";
import { type BuilderPort, type BuildJob, isBuiltin, type SecretSearch } from "@cab/core";
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from "./archives/budget.ts";
import { type BuiltinHost, runBuiltin } from "./builtins/builtin.ts";
import { BUILTINS } from "./builtins/index.ts";
import { attempt, fail } from "./failure.ts";
import { DEFAULT_PATIENCE, network, type Patience } from "./fetch/network.ts";
import { gitHost } from "./git/command.ts";
import type { SandboxSettings } from "./sandbox/command.ts";
import { inheritedDescriptors } from "./sandbox/descriptors.ts";
import { hostFacts, isPrivileged } from "./sandbox/host-facts.ts";
import { buildInSandbox, type SandboxHost } from "./sandbox/index.ts";
import { logPipes } from "./sandbox/log-pipe.ts";
import type { RunLimits } from "./sandbox/run.ts";

export interface ExecutorOptions {
  /** The engine's own environment: proxies, certificates, npm's registry and PATH are read from it, never by builders. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file for a build's log; it becomes `<file>.zst` when the build has ended. */
  readonly openLog: (job: BuildJob) => string;
  readonly onLog?: (job: BuildJob, chunk: Uint8Array) => void;
  /** What no log may contain, for one build; undefined where there are no secrets. */
  readonly secretSearch?: () => SecretSearch | undefined;
  /** Physical root of each workspace that `builtin:local@1` may read. */
  readonly workspaceRoots?: Readonly<Record<string, string>>;
  readonly debianMirrors?: readonly string[];
  readonly npmRegistry?: string;
  /** `.npmrc` files, the nearest first. Default: the one in HOME. */
  readonly npmrc?: readonly string[];
  readonly aptDir?: string;
  readonly temporaryDir?: string;
  /** Whether a build that brings no tools may use the host's bubblewrap. Default: yes. */
  readonly hostBubblewrap?: boolean;
  readonly unpackLimits?: Partial<UnpackLimits>;
  readonly patience?: Partial<Patience>;
  readonly sandbox?: Partial<SandboxSettings>;
  readonly limits?: Partial<RunLimits>;
}

export interface Executor {
  readonly builder: BuilderPort;
  /** Ends idle connections and closes pipes. No build may be under way. */
  readonly close: () => Promise<void>;
}

const DEFAULT_LIMITS: RunLimits = { seconds: 12 * 3600, silenceSeconds: 3600, logBytes: 256 * 2 ** 20 };

export function createExecutor(options: ExecutorOptions): Executor {
  const { env } = options;
  const patience: Patience = { ...DEFAULT_PATIENCE, ...options.patience };
  const builtins: BuiltinHost = {
    network: network(env, patience),
    debianMirrors: options.debianMirrors ?? [],
    aptDir: options.aptDir ?? "/etc/apt",
    npm: { registry: options.npmRegistry, env, npmrc: options.npmrc ?? (env.HOME ? [`${env.HOME}/.npmrc`] : []) },
    git: gitHost(env, patience),
    unpackLimits: { ...DEFAULT_UNPACK_LIMITS, ...options.unpackLimits },
    workspaceRoots: options.workspaceRoots ?? {},
  };
  const pipes = logPipes(options.temporaryDir ?? tmpdir());
  const sandbox: SandboxHost = {
    settings: {
      privileged: isPrivileged(hostFacts()),
      cores: availableParallelism(),
      tmpBytes: 4 * 2 ** 30,
      memoryBytes: null,
      openFiles: 4096,
      processes: 16_384,
      ...options.sandbox,
    },
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    pipes,
    inherited: inheritedDescriptors(),
    hostPath: (options.hostBubblewrap ?? true) ? (env.PATH ?? "") : undefined,
    openLog: options.openLog,
    secretSearch: options.secretSearch ?? (() => undefined),
    onLog: options.onLog ?? (() => {}),
  };
  return {
    builder: {
      build: (job) =>
        attempt(`build ${job.drv.name}`, () =>
          isBuiltin(job.drv) ? dispatch(job, builtins) : buildInSandbox(job, sandbox),
        ),
    },
    close: async () => {
      pipes.close();
      await builtins.network.close();
    },
  };
}

async function dispatch(job: BuildJob, host: BuiltinHost): Promise<void> {
  const builtin = BUILTINS.find(({ name }) => name === job.drv.builder);
  if (builtin !== undefined) return runBuiltin(builtin, job, host);
  const known = BUILTINS.map(({ name }) => name).join(", ");
  return fail({ _tag: "BadArguments", builtin: job.drv.builder, reason: `this cab knows ${known}` });
}
