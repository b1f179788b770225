/**
 * A role on this host, put together for one command: its profile, its `bin/activate` in a view of this host, its secrets, and the
 * claim by which one command at a time changes it.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type DrvHash, type StorePath, sha256Hex } from "@cab/core";
import type { ViewTies } from "@cab/executor";
import {
  type Activator,
  activateProgram,
  type HostSecret,
  MANIFEST_LIMIT,
  type Manifest,
  markFiles,
  openProfileFolder,
  type ProfileFailure,
  type ProfileFolder,
  parseManifest,
  Refused,
  requireNoSecretSince,
  type SwitchPorts,
  type Systemd,
  withoutSecrets,
} from "@cab/profile";
import type { Store } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { LOGICAL_ROOT } from "./cab-root.ts";
import { Ended } from "./ended.ts";
import { secretsOf } from "./host-secrets.ts";
import { hostSystemd } from "./host-systemd.ts";
import type { Session } from "./realise-names.ts";
import { renderStoreFailure } from "./render-failure.ts";
import { namedObjects } from "./store-names.ts";
import { switchProgress } from "./switch-progress.ts";
import { type Host, UsageError } from "./verb.ts";
import { hostSystem, SANDBOX_RECIPE } from "./wiring.ts";

export interface RoleHost {
  readonly role: string;
  readonly store: Store;
  readonly folder: ProfileFolder;
  readonly activator: Activator;
  readonly ports: SwitchPorts;
  readonly secrets: readonly HostSecret[];
  /** The words that run these where this store is at `/cab`. */
  readonly command: (words: readonly string[], ties: ViewTies) => readonly string[];
}

/** What can be read of a role without asking its programs. */
export type RoleFiles = Pick<RoleHost, "store" | "folder">;

export interface RoleOptions {
  readonly root: string;
  readonly store: Store;
  readonly role: string;
  /** Of the command that realises the role; others find the programs of the view in the profile. */
  readonly session?: Session;
  /** How a supervisor is started; detached unless given. */
  readonly supervise?: Supervise;
}

export type Supervise = (
  role: RoleCommand,
  activate: readonly string[],
  isRunning: () => Promise<boolean>,
) => Promise<void>;

export type RoleCommand = Pick<RoleHost, "role" | "command">;

/** What a role may be called: it becomes a folder's name. */
const ROLE_NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/;

export function roleName(text: string): string {
  if (!ROLE_NAME.test(text)) throw new UsageError(`${text} is no role's name; see what there is with: cab status`);
  return text;
}

export const profileFolder = (store: Store, role: string): ProfileFolder =>
  openProfileFolder({
    folder: join(store.layout.profiles, role),
    role,
    exclusively: async (action) => store.whileLinksStand(action),
  });

export async function openRole(host: Host, options: RoleOptions): Promise<RoleHost> {
  const { root, store, role, supervise = superviseDetached(root) } = options;
  const folder = profileFolder(store, role);
  const command = await viewOf(host, options, folder);
  const secrets = secretsOf(host, root);
  // Who starts a supervisor of his own wants no other.
  const systemd = options.supervise === undefined ? hostSystemd(host, root) : null;
  const activator = activateProgram({
    role,
    command: (words) => command(words, "call"),
    systemd,
    env: activateEnvironment(host, systemd),
    onSaid: (line) => host.err(`${line}\n`),
    cleaned: withoutSecrets(secrets),
    supervise: (activate, isRunning) => supervise({ role, command }, activate, isRunning),
    sleep: (seconds) => sleep(seconds * 1000),
  });
  const watched = [join(store.layout.state, role, "log"), join(store.layout.profiles, role)];
  const marks = markFiles(watched);
  const ports: SwitchPorts = {
    folder,
    activator,
    manifest: async (path) => (store.object(path) === undefined ? undefined : readManifest(store, path)),
    paramsFile: (number) => `${LOGICAL_ROOT}/var/profiles/${role}/generation-${number}.params`,
    requireNoSecrets: async () => requireNoSecretSince(marks, watched, secrets),
    now: () => Math.floor(Date.now() / 1000),
    sleep: (seconds) => sleep(seconds * 1000),
    signal: host.signal,
    emit: switchProgress(host, role),
  };
  return { role, store, folder, activator, ports, secrets, command };
}

/** How a user's systemd is found, and where its units are. */
const FOR_SYSTEMD = ["HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"];

/** Of ours only secrets pass to a role's programs, and those to `activate` alone. */
const activateEnvironment = ({ env }: Host, systemd: Systemd | null): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const isSecret = name === "CREDENTIALS_DIRECTORY" || name.startsWith("CAB_SECRET_");
      const isPassed = isSecret || (systemd === "user" && FOR_SYSTEMD.includes(name));
      return value !== undefined && isPassed ? [[name, value]] : [];
    }),
  );

export function readManifest(store: Store, path: StorePath): Manifest {
  const refuse = (reason: string): never => {
    throw new Refused({ _tag: "NoRole", path, reason });
  };
  let descriptor: number;
  try {
    descriptor = openSync(join(store.physical(path), "role.json"), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return refuse("it has no file role.json");
    throw error;
  }
  try {
    if (fstatSync(descriptor).size > MANIFEST_LIMIT) return refuse("its role.json is larger than any role's");
    const manifest = parseManifest(readFileSync(descriptor, "utf8"));
    return E.isRight(manifest) ? manifest.right : refuse(`its role.json: ${manifest.left}`);
  } finally {
    closeSync(descriptor);
  }
}

/** Nothing where this store is physically at `/cab`; else by the programs that the profile keeps for it. */
async function viewOf(host: Host, options: RoleOptions, folder: ProfileFolder): Promise<RoleHost["command"]> {
  const { root, store, session } = options;
  if (root === LOGICAL_ROOT) return (words) => words;
  const held = await folder.held("view");
  const tools = held !== undefined && store.object(held) !== undefined && session === undefined ? held : undefined;
  const path = tools ?? (await realisedView(host, options));
  // Whatever happens to the recipes, this generation can be left with the programs by which it was entered.
  if (session !== undefined && path !== held) await folder.hold("view", path);
  const { hostViewCommand, treePrograms } = await import("@cab/executor");
  const programs = treePrograms(store.physical(path), hostSystem());
  return (words, ties) => hostViewCommand(programs, { cabRoot: root, cwd: "/", ties, command: words });
}

async function realisedView(host: Host, { root, store, session }: RoleOptions): Promise<StorePath> {
  const path =
    session === undefined
      ? (await namedObjects(host, root, store, [SANDBOX_RECIPE])).objects[0]?.info.path
      : (await session.realise([session.sandbox])).realised.outputs[0]?.out;
  if (path !== undefined) return path;
  throw new Ended("error: without these programs nothing can be shown this store at /cab\n");
}

/** How long a supervisor may take to begin. */
const BEGIN_SECONDS = 30;
const PAUSE = 100;

export async function untilRunning(
  role: string,
  isRunning: () => Promise<boolean>,
  { hasEnded, log }: { readonly hasEnded: () => boolean; readonly log: string | null },
): Promise<void> {
  for (let tries = 0; tries < (BEGIN_SECONDS * 1000) / PAUSE && !hasEnded(); tries++) {
    if (await isRunning()) return;
    await sleep(PAUSE);
  }
  throw new Refused({ _tag: "SupervisorEnded", role, log });
}

/** Outlives this command; what it says goes to a file. */
const superviseDetached =
  (root: string): Supervise =>
  async ({ role, command }, activate, isRunning) => {
    const [{ spawn }, { inheritedDescriptors, instead }] = await Promise.all([
      import("node:child_process"),
      import("@cab/executor"),
    ]);
    const folder = join(root, "state", role, "log");
    mkdirSync(folder, { recursive: true });
    const log = join(folder, "supervisor");
    const descriptor = openSync(log, "a", 0o600);
    // LMDB's file among them: it would stay open as long as the services run.
    const nothing = openSync("/dev/null", "r");
    const others = instead(inheritedDescriptors(), { first: 3, nothing });
    const [program, ...words] = command(activate, "detached");
    const child = spawn(program as string, words, {
      cwd: "/",
      env: {},
      stdio: ["ignore", descriptor, descriptor, ...others],
      detached: true,
    });
    for (const own of [descriptor, nothing]) closeSync(own);
    let ended = false;
    child.on("exit", () => {
      ended = true;
    });
    child.on("error", () => {
      ended = true;
    });
    await untilRunning(role, isRunning, { hasEnded: () => ended, log });
    child.unref();
  };

/** The result; what failed is thrown, and put into words where the command ends. */
export const resultOf =
  <A>(task: TaskEither<ProfileFailure, A>): (() => Promise<A>) =>
  async () => {
    const done = await task();
    if (E.isRight(done)) return done.right;
    throw new Refused(done.left);
  };

/** Runs what changes the role, unless somebody else does already. */
export async function exclusively<A>(
  { store, folder, role }: RoleHost,
  verb: string,
  run: () => Promise<A>,
): Promise<A> {
  const claimed = await store.claim(sha256Hex(`role ${role}`) as DrvHash)();
  if (E.isLeft(claimed)) throw new Ended(`error: ${renderStoreFailure(claimed.left)}\n`);
  if (claimed.right._tag === "Theirs") {
    throw new Refused({ _tag: "Busy", role, by: await folder.noted() });
  }
  try {
    const since = `${new Date().toISOString().slice(0, 19).replace("T", " ")} UTC`;
    await folder.note(`cab ${verb} ${role}, process ${process.pid}, since ${since}\n`);
    return await run();
  } finally {
    await claimed.right.release();
  }
}
