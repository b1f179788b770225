/**
 * Runs the host's git, so that private repositories are reached as its user reaches them: by their credential helpers, ssh
 * agent and configuration. Whatever a repository could make git run is off. Knows nothing of what is fetched.
 */
import { dirname } from "node:path";
import type { Readable, Writable } from "node:stream";
import { errnoOf, Failed, fail } from "../failure.ts";
import type { Patience } from "../fetch/network.ts";
import { kill } from "../sandbox/process-tree.ts";

export interface GitHost {
  /** The engine's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** After which a git that neither says nor receives anything is stopped. */
  readonly silenceMilliseconds: number;
  /** Bytes that one repository may send. */
  readonly maxBytes: number;
}

/** Servers may work for minutes before they send anything. */
const SILENCES = 10;

export const gitHost = (env: GitHost["env"], { silenceMilliseconds, maxBytes }: Patience): GitHost => ({
  env,
  silenceMilliseconds: SILENCES * silenceMilliseconds,
  maxBytes,
});

export interface GitRun {
  /** Git's working directory, and the repository unless git is to run outside of any. */
  readonly folder: string;
  readonly outside?: boolean;
  readonly args: readonly string[];
  readonly input?: Uint8Array;
  /** Given what git prints, piece by piece; what it throws ends git. */
  readonly read?: (chunk: Buffer) => void;
  /** Bytes that have arrived so far; asked now and then. */
  readonly received?: () => number;
  readonly host: GitHost;
  readonly signal: AbortSignal;
}

export interface GitEnded {
  readonly ok: boolean;
  /** Whether it was ended because a bound was reached. */
  readonly stopped: boolean;
  /** The end of what git said, without progress, secrets and control characters. */
  readonly messages: string;
}

/** Behind these, nothing of a repository, and no hook of the user's, is run; packs stay packs, so that they can be measured. */
const SETTINGS = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "fetch.recurseSubmodules=false",
  "fetch.unpackLimit=1",
  "fetch.writeCommitGraph=false",
  "gc.auto=0",
  "maintenance.auto=false",
].flatMap((setting) => ["-c", setting]);

/** What git, curl and ssh find their user's credentials, configuration and network by. */
const PASSED_ON =
  /^(HOME|PATH|XDG_(CONFIG|CACHE)_HOME|SSH_AUTH_SOCK|GIT_(ASKPASS|SSH|SSH_COMMAND|SSH_VARIANT|SSL_CAINFO|SSL_CAPATH)|GIT_CONFIG_\w+|SSL_CERT_(FILE|DIR)|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY)$/;

const environment = (env: GitHost["env"]): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(env).filter(([name]) => PASSED_ON.test(name))),
  LC_ALL: "C",
  GIT_TERMINAL_PROMPT: "0",
  GIT_NO_REPLACE_OBJECTS: "1",
  // Those that move bytes and nothing else: `ext::` would run a command, wherever it comes from.
  GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh",
});

const TICK = 200;

export async function runGit(run: GitRun): Promise<GitEnded> {
  const { folder, outside, args, input, read, received, host, signal } = run;
  if (signal.aborted) fail({ _tag: "Cancelled" });
  const { execa } = await import("execa");
  const child = execa("git", [...SETTINGS, ...(outside ? [] : ["--git-dir=."]), ...args], {
    extendEnv: false,
    env: { ...environment(host.env), GIT_CEILING_DIRECTORIES: dirname(folder) },
    cwd: folder,
    // Its own session: ssh finds no terminal to ask at, and git is ended together with all that it has started.
    detached: true,
    buffer: false,
    reject: false,
    stdin: input === undefined ? "ignore" : "pipe",
  });
  const end = (): void => {
    if (child.pid !== undefined) kill(-child.pid);
  };
  signal.addEventListener("abort", end, { once: true });
  let stopped: string | undefined;
  let silence = 0;
  let known = 0;
  const timer = setInterval(() => {
    silence += TICK;
    const bytes = received?.() ?? 0;
    if (bytes > known) silence = 0;
    known = bytes;
    if (bytes > host.maxBytes) stopped = tooMuch(host);
    else if (silence >= host.silenceMilliseconds) stopped = `nothing came for ${host.silenceMilliseconds / 1000} s`;
    if (stopped !== undefined) end();
  }, TICK);
  let messages = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    silence = 0;
    messages = (messages + text).slice(-MESSAGES);
  });
  const stdin = child.stdin as Writable | null;
  // Git that ends early reads no further; why it did is in its messages.
  stdin?.on("error", () => {}).end(input);
  let hasEnded = false;
  try {
    for await (const chunk of child.stdout as Readable as AsyncIterable<Buffer>) {
      silence = 0;
      read?.(chunk);
    }
    const { exitCode, cause } = await child;
    hasEnded = true;
    if (signal.aborted) throw new Failed({ _tag: "Cancelled" });
    const code = errnoOf(cause);
    if (code === "ENOENT") fail({ _tag: "ProgramMissing", program: "git", package: "git" });
    if (code !== undefined) fail({ _tag: "IoFailed", operation: "start git", code, message: String(cause) });
    if ((received?.() ?? 0) > host.maxBytes) stopped = tooMuch(host);
    const isStopped = stopped !== undefined;
    return {
      ok: exitCode === 0 && !isStopped,
      stopped: isStopped,
      messages: stopped ?? (readable(messages) || `git ended with ${exitCode}`),
    };
  } finally {
    clearInterval(timer);
    signal.removeEventListener("abort", end);
    if (!hasEnded) {
      end();
      await child;
    }
  }
}

const tooMuch = ({ maxBytes }: GitHost): string => `it sends more than ${maxBytes} bytes`;

/** Characters of git's messages that are kept. */
const MESSAGES = 8192;

const SHOWN_LINES = 6;

/** Progress overwrites itself by carriage returns. Messages name URLs as the user's configuration rewrites them. */
const readable = (text: string): string =>
  text
    .split(/[\r\n]+/)
    .map((line) => line.replace(/:\/\/[^\s/]*@/g, "://").replace(/[^\x20-\x7e\u00a0-\uffff]/g, ""))
    .filter((line) => line.trim() !== "" && !/^(remote: )?[A-Z][a-z]+( [a-z]+)*: +\d+/.test(line))
    .slice(-SHOWN_LINES)
    .map((line) => line.trimEnd())
    .join("\n");
