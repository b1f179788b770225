/**
 * The port `Activator` by a role's own `bin/activate`, as a process: words in, events out, never a shell. Knows its exit codes;
 * how the host is shown at `/cab` is the caller's.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { StorePath } from "@cab/core";
import { driftOf, type Line, linesOf, probeResult, roleStatus, statesOf, unitEvents } from "./activate-events.ts";
import type { Activator } from "./activator.ts";
import { Refused } from "./failure.ts";

/** The host's manager, or one of a user's own. */
export type Systemd = "system" | "user";

export interface ActivateOptions {
  readonly role: string;
  /** The words that run these words where this store is at `/cab`. */
  readonly command: (words: readonly string[]) => readonly string[];
  /** Whose units the services are, where a systemd has them. */
  readonly systemd: Systemd | null;
  /** All that the program sees of ours. */
  readonly env: Readonly<Record<string, string>>;
  /** What it says for people, line by line. */
  readonly onSaid: (line: string) => void;
  /** Takes secrets out of what is kept of that. */
  readonly cleaned: (text: string) => string;
  /** Starts `supervise`; what it returns is called with the role's object once, and throws if that ended early. */
  readonly supervise: (activate: readonly string[], isRunning: () => Promise<boolean>) => Promise<void>;
  readonly sleep: (seconds: number) => Promise<void>;
}

const OTHER_FORMAT = 3;
const BUSY = 5;

/** Lines of what it said for people that a failure keeps. */
const KEPT_LINES = 20;
/** More than any role has events; what prints more is broken. */
const OUTPUT_LIMIT = 2 ** 20;

/** An activation that a killed cab left behind ends soon: so often is asked again. */
const BUSY_TRIES = 60;

interface Ended {
  readonly code: number | null;
  readonly lines: readonly Line[];
  readonly said: readonly string[];
}

export function activateProgram(options: ActivateOptions): Activator {
  const activate = (path: StorePath): string => `${path}/bin/activate`;
  const manager = options.systemd === null ? [] : ["--systemd", options.systemd];
  const call = async (path: StorePath, words: readonly string[]): Promise<Ended> => {
    for (let tries = 1; ; tries++) {
      const ended = await run(options.command([activate(path), ...manager, ...words]), options);
      if (ended.code !== BUSY || tries === BUSY_TRIES) return ended;
      await options.sleep(0.5);
    }
  };
  const done = async (path: StorePath, words: readonly string[], also: readonly number[] = []): Promise<Ended> => {
    const ended = await call(path, words);
    if (ended.code === 0 || (ended.code !== null && also.includes(ended.code))) return ended;
    const said = ended.said.map(options.cleaned);
    throw new Refused({ _tag: "ActivateFailed", call: words[0] as string, code: ended.code, said });
  };
  const backups = `/cab/state/${options.role}/.backups`;
  const status: Activator["status"] = async (path) => roleStatus((await done(path, ["status"])).lines);
  return {
    check: async ({ path, params }) => void (await done(path, ["check", "--params", params], [OTHER_FORMAT])),
    plan: async ({ path, params }) => unitEvents((await done(path, ["plan", "--params", params])).lines),
    apply: async ({ path, params }) => unitEvents((await done(path, ["apply", "--params", params])).lines),
    health: async (path) => {
      const { code, lines } = await done(path, ["health"], [1]);
      const result = probeResult(lines);
      // It could not even ask.
      return code !== 0 && result.unhealthy.length === 0 ? { ...result, unhealthy: ["bin/activate health"] } : result;
    },
    status,
    halt: async (path) => void (await done(path, ["halt"])),
    stop: async (path) => void (await done(path, ["stop"])),
    drift: async (path) => driftOf((await done(path, ["drift"])).lines),
    state: async (path) => statesOf((await done(path, ["state"])).lines),
    backup: async (path, name, file) => void (await done(path, ["backup", name, `${backups}/${file}`])),
    restore: async ({ path, params }, name, file) =>
      void (await done(path, ["restore", name, `${backups}/${file}`, "--params", params])),
    version: async (path, name, version) => void (await done(path, ["version", name, version])),
    supervise: (path) => options.supervise([activate(path), "supervise"], async () => (await status(path)).running),
  };
}

async function run([program, ...words]: readonly string[], { env, onSaid, cleaned }: ActivateOptions): Promise<Ended> {
  // A group of its own: the terminal's Ctrl-C is for cab, which then goes back in order.
  const child = spawn(program as string, words, {
    cwd: "/",
    env: { ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const said: string[] = [];
  const hear = (line: string): void => {
    onSaid(cleaned(line));
    said.push(line);
    if (said.length > KEPT_LINES) said.shift();
  };
  const [code, output] = await Promise.all([exitCode(child), textOf(child.stdout), eachLine(child.stderr, hear)]);
  return { code, lines: linesOf(output), said };
}

function exitCode(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code));
  });
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) if (text.length < OUTPUT_LIMIT) text += chunk;
  return text;
}

async function eachLine(stream: Readable, hear: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) hear(line);
  }
  if (rest !== "") hear(rest);
}
