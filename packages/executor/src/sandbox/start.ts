/** Starts bubblewrap and reads its reports. Knows nothing of limits, or of why a builder runs. */
import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { errnoOf, Failed } from "../failure.ts";
import type { SandboxCommand } from "./command.ts";
import { instead } from "./descriptors.ts";
import type { LogPipe } from "./log-pipe.ts";
import { type InitProcess, initProcess } from "./process-tree.ts";

export interface Sandbox {
  /** What the builder writes; ends when nothing holds it open any more. */
  readonly output: Socket;
  /** The first process inside, as soon as it is known; undefined if there will be none. */
  readonly init: Promise<InitProcess | undefined>;
  /** Exit code of bubblewrap outside; the namespace may live a moment longer. */
  readonly ended: Promise<number | null>;
  /** The builder's exit code, or 128 and its signal's number; undefined if none was started. Known when all is gone. */
  readonly builderCode: Promise<number | undefined>;
  readonly killMonitor: () => void;
}

/** Part of cab-sandbox@1. */
const UMASK = 0o022;

export interface Start {
  readonly command: SandboxCommand;
  readonly pipe: LogPipe;
  /** What `inheritedDescriptors` found when the engine began. */
  readonly inherited: readonly number[];
}

export async function startSandbox({ command, pipe, inherited }: Start): Promise<Sandbox> {
  const { execa } = await import("execa");
  const [program, ...args] = command.argv;
  // Any descriptor will do; execa's declarations list the first few only.
  const writer = pipe.writer as 3;
  const nothing = openSync("/dev/null", "r") as 3;
  const others = instead(inherited, { first: 5, nothing });
  // A child takes over its parent's mask, and the fork happens inside this call.
  const before = process.umask(UMASK);
  const child = execa(program, args, {
    extendEnv: false,
    env: {},
    // Its own session: a Ctrl-C at the terminal reaches the engine only, which then ends the sandbox in order.
    detached: true,
    buffer: false,
    reject: false,
    stdio: ["ignore", writer, writer, "pipe", "pipe", ...others],
  });
  process.umask(before);
  closeSync(nothing);
  const output = pipe.reader();
  const optionsStream = child.stdio[3] as unknown as Writable;
  // Bubblewrap that ends at once reads nothing; why it did is in its exit code and its messages.
  optionsStream.on("error", () => {});
  optionsStream.end(command.options);
  const ended = child.then(({ exitCode, cause, originalMessage = "" }) => {
    const code = errnoOf(cause);
    if (code === undefined) return exitCode ?? null;
    throw new Failed({ _tag: "IoFailed", operation: `start ${program}`, code, message: originalMessage });
  });
  const reports = readReports(child.stdio[4] as unknown as Readable);
  return {
    output,
    ended,
    init: reports.childPid.then((pid) => (pid === undefined ? undefined : initProcess(pid))),
    builderCode: reports.exitCode,
    killMonitor: () => child.kill("SIGKILL"),
  };
}

/** Bubblewrap's `--json-status-fd`: one JSON object a line, `child-pid` first, `exit-code` if a builder ran and ended. */
function readReports(stream: Readable): {
  readonly childPid: Promise<number | undefined>;
  readonly exitCode: Promise<number | undefined>;
} {
  let text = "";
  const childPid = Promise.withResolvers<number | undefined>();
  const exitCode = Promise.withResolvers<number | undefined>();
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    text += chunk;
    if (text.includes("\n")) childPid.resolve(field(text, "child-pid"));
  });
  const finish = (): void => {
    childPid.resolve(field(text, "child-pid"));
    exitCode.resolve(field(text, "exit-code"));
  };
  stream.once("close", finish);
  stream.once("error", finish);
  return { childPid: childPid.promise, exitCode: exitCode.promise };
}

function field(text: string, name: string): number | undefined {
  const value = new RegExp(`"${name}": *([0-9]+)`).exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}
