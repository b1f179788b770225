/**
 * Puts the engine together for one command: the store, the evaluator, the executor and substituters, each opened when it
 * is first needed. The one place that knows them all.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type BuilderPort,
  type DerivationOf,
  isSystem,
  type Libc,
  nativePlatform,
  SANDBOX_USER,
  type StoreFailure,
  type SubstituterPort,
  type System,
  type WorkspaceSettings,
} from "@cab/core";
import {
  type Evaluation,
  type EvaluatorFailure,
  type EvaluatorOptions,
  evaluate,
  findWorkspaces,
  memoFiles,
} from "@cab/evaluator";
import type { Executor, ExecutorOptions, Pinning } from "@cab/executor";
import { hostFacts, isPrivileged } from "@cab/executor/host-facts";
import type { Store } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import { Ended } from "./ended.ts";
import type { Host } from "./verb.ts";
import { BUILD } from "./version.ts";

/** The checkout, or installation, that this program belongs to: three folders above the bundle, and above this file. */
const INSTALLATION = fileURLToPath(new URL("../../..", import.meta.url));

/** What `cab init` fills a new workspace with. */
export const TEMPLATE = join(INSTALLATION, "packages/cli/template");

/** Evaluations to remember, in bytes: thousands of them. */
const MEMO_CAPACITY = 256 * 2 ** 20;

/** The recipe of the sandbox's own programs: realised before the first sandboxed build, part of no hash. */
export const SANDBOX_RECIPE = "sandbox";

export function hostSystem(): System {
  const system = `${process.arch === "x64" ? "x86_64" : "aarch64"}-${process.platform}`;
  if (!isSystem(system)) throw new Error(`BUG: the launcher let ${system} through`);
  return system;
}

/** What Debian calls this machine's architecture. */
export const debianArchitecture = (): string => (process.arch === "x64" ? "amd64" : process.arch);

/** What recipes import, and the compiler that checks them. */
export const recipeProject = () => ({
  shipped: join(INSTALLATION, "derivations"),
  coreEntry: join(INSTALLATION, "packages/core/src/recipes.ts"),
  typescript: join(INSTALLATION, "packages/cli/node_modules/typescript/bin/tsc"),
});

/** How to evaluate, where a verb lets its user say so. */
export interface EvaluationSettings {
  /** What all of it is linked against, unless a recipe says otherwise. */
  readonly libc?: Libc;
  readonly checkTypes?: boolean;
}

export function evaluatorOptions(
  host: Host,
  root: string,
  { libc = "distribution", checkTypes = false }: EvaluationSettings = {},
): EvaluatorOptions {
  return {
    ...recipeProject(),
    cwd: host.cwd,
    checkTypes,
    platform: { ...nativePlatform(hostSystem()), libc },
    version: BUILD,
    memo: memoFiles({ folder: join(root, "var/memo"), capacity: MEMO_CAPACITY }),
    now: Date.now,
  };
}

/** Evaluates recipes, prints notices, and ends the command with the evaluator's message if they are wrong. */
export async function evaluateRecipes(
  host: Host,
  root: string,
  { names, ...settings }: EvaluationSettings & { readonly names: readonly string[] },
): Promise<Evaluation> {
  const evaluated = await evaluate(evaluatorOptions(host, root, settings), names)();
  if (E.isLeft(evaluated)) throw await evaluatorEnded(evaluated.left);
  const { notices } = evaluated.right;
  if (notices.length > 0) {
    const { renderNotice } = await import("@cab/evaluator/render");
    for (const notice of notices) host.err(`note: ${renderNotice(notice)}\n`);
  }
  return evaluated.right;
}

/** The lookup of an evaluation's derivations, as realising wants it. */
export async function derivationsOf(evaluation: Evaluation): Promise<DerivationOf> {
  const derivations = await evaluation.derivations();
  if (E.isLeft(derivations)) throw await evaluatorEnded(derivations.left);
  return (hash) => {
    const drv = derivations.right(hash);
    if (drv === undefined) throw new Error(`BUG: the evaluation lacks ${hash}`);
    return drv;
  };
}

export async function evaluatorEnded(failure: EvaluatorFailure): Promise<Ended> {
  const { renderEvaluatorFailure } = await import("@cab/evaluator/render");
  return new Ended(`error: ${renderEvaluatorFailure(failure)}\n`);
}

/** Loaded here, since its database takes longer to load (25 ms) than to evaluate what is remembered. */
export async function openHostStore(host: Host, root: string): Promise<Store> {
  const [{ openStore, upgradeStore }, { searchOf }] = await Promise.all([
    import("@cab/store"),
    import("./host-secrets.ts"),
  ]);
  const builder = host.uid === 0 && isPrivileged(hostFacts()) ? SANDBOX_USER : null;
  const open = () =>
    openStore({
      root,
      builder,
      worker: { pid: host.pid, words: host.words },
      secretSearch: () => searchOf(host, root),
    });
  const first = open();
  if (E.isRight(first)) return first.right;
  const { renderStoreFailure } = await import("./render-failure.ts");
  const ended = (failure: StoreFailure): Ended => new Ended(`error: ${renderStoreFailure(failure)}\n`);
  if (first.left._tag !== "StoreOutdated" || first.left.readOnly) throw ended(first.left);
  const upgraded = await upgradeStore(root)();
  if (E.isLeft(upgraded)) throw ended(upgraded.left);
  const { from, to } = upgraded.right ?? {};
  if (from !== undefined) host.err(`note: the store at ${root} was brought from format ${from} to ${to}\n`);
  const second = open();
  if (E.isLeft(second)) throw ended(second.left);
  return second.right;
}

export interface ExecutorSettings {
  readonly workspace: WorkspaceSettings;
  readonly timeoutSeconds: number | undefined;
  readonly silenceSeconds: number | undefined;
}

export interface LazyExecutor {
  readonly builder: BuilderPort;
  readonly close: () => Promise<void>;
}

/** An executor that is loaded by the first build: most commands build nothing. */
export function lazyExecutor(host: Host, root: string, store: Store, settings: ExecutorSettings): LazyExecutor {
  let opened: Promise<Executor> | undefined;
  const { timeoutSeconds, silenceSeconds, workspace } = settings;
  const options = (secretSearch: NonNullable<ExecutorOptions["secretSearch"]>): ExecutorOptions => ({
    env: host.env,
    openLog: ({ drvHash }) => store.logFile(drvHash),
    secretSearch,
    workspaceRoots: workspaceRoots(host, root),
    debianMirrors: debianMirrors(host, workspace),
    limits: {
      ...(timeoutSeconds === undefined ? {} : { seconds: timeoutSeconds }),
      ...(silenceSeconds === undefined ? {} : { silenceSeconds }),
    },
  });
  const open = async (): Promise<Executor> => {
    const [{ createExecutor }, { searchOf }] = await Promise.all([
      import("@cab/executor"),
      import("./host-secrets.ts"),
    ]);
    return createExecutor(options(() => searchOf(host, root)));
  };
  return {
    builder: {
      build: (job) => async () => {
        opened ??= open();
        return (await opened).builder.build(job)();
      },
    },
    close: async () => {
      await (await opened)?.close();
    },
  };
}

/** By the names that local files' derivations call them. */
const workspaceRoots = (host: Host, root: string): Readonly<Record<string, string>> => {
  const workspaces = findWorkspaces(evaluatorOptions(host, root));
  return E.isLeft(workspaces)
    ? {}
    : Object.fromEntries(workspaces.right.map((workspace) => [workspace.id, workspace.root]));
};

/** Looks up what recipes fetch, with the network configured as for builds' downloads. */
export async function withPinning<A>(
  host: Host,
  workspace: WorkspaceSettings,
  use: (pinning: Pinning) => Promise<A>,
): Promise<A> {
  const { DEFAULT_PATIENCE, gitHost, network, openPinning } = await import("@cab/executor");
  const opened = network(host.env);
  const pinning = openPinning({
    network: opened,
    git: gitHost(host.env, DEFAULT_PATIENCE),
    signal: host.signal,
    debianMirrors: debianMirrors(host, workspace),
    aptDir: "/etc/apt",
    npm: {
      registry: undefined,
      env: host.env,
      npmrc: host.env.HOME === undefined ? [] : [join(host.env.HOME, ".npmrc")],
    },
    onUnverified: (suite) =>
      host.err(`warning: this host has no gpgv or no keys of Debian's, so the signature of ${suite} was not checked\n`),
  });
  try {
    return await use(pinning);
  } finally {
    pinning.close();
    await opened.close();
  }
}

/** This host's own before the workspace's. */
const debianMirrors = (host: Host, workspace: WorkspaceSettings): readonly string[] => [
  ...words(host.env.CAB_DEBIAN_MIRROR),
  ...workspace.debianMirrors,
];

/** Binary caches in these folders, loaded when there are any. */
export async function openSubstituters(folders: readonly string[]): Promise<SubstituterPort[]> {
  if (folders.length === 0) return [];
  const { directorySubstituter } = await import("@cab/executor");
  return folders.map(directorySubstituter);
}

const words = (text: string | undefined): string[] => (text ?? "").split(/\s+/).filter((word) => word !== "");
