/**
 * Runs one builder process in a sandbox until every process of it is gone, within limits of time, silence and log.
 * Knows nothing of plans, the store or caching.
 */
import type { Socket } from "node:net";
import type { BuildFailure, BuildJob } from "@cab/core";
import { fail } from "../failure.ts";
import type { SandboxCommand } from "./command.ts";
import { whyForbidden } from "./forbidden.ts";
import type { HostFacts } from "./host-facts.ts";
import type { BuildLog } from "./log.ts";
import type { LogPipe } from "./log-pipe.ts";
import { endNamespace, kill } from "./process-tree.ts";
import { startSandbox } from "./start.ts";

export interface RunLimits {
  readonly seconds: number;
  /** Since the builder last wrote to its log. */
  readonly silenceSeconds: number;
  readonly logBytes: number;
}

export interface Run {
  readonly job: BuildJob;
  readonly command: SandboxCommand;
  readonly pipe: LogPipe;
  readonly log: BuildLog;
  readonly limits: RunLimits;
  /** Descriptors that the builder must not inherit from the engine. */
  readonly inherited: readonly number[];
  readonly facts: () => HostFacts;
  readonly onLog: (chunk: Uint8Array) => void;
}

export async function runInSandbox(run: Run): Promise<void> {
  const { job, log, limits, onLog } = run;
  const sandbox = await startSandbox(run);
  let stopped: BuildFailure | undefined;
  const stop = (failure: BuildFailure): void => {
    stopped ??= failure;
    void sandbox.init.then((init) => (init === undefined ? sandbox.killMonitor() : kill(init.pid)));
  };
  const cancel = (): void => stop({ _tag: "Cancelled" });
  const { seconds, silenceSeconds } = limits;
  const timeout = setTimeout(() => stop({ _tag: "BuilderTimedOut", seconds }), milliseconds(seconds));
  const silence = setTimeout(
    () => stop({ _tag: "BuilderSilent", seconds: silenceSeconds }),
    milliseconds(silenceSeconds),
  );
  job.signal.addEventListener("abort", cancel, { once: true });
  if (job.signal.aborted) cancel();
  try {
    const reading = readLog(sandbox.output, (chunk) => {
      if (stopped !== undefined) return;
      silence.refresh();
      const room = limits.logBytes - log.bytes();
      log.write(chunk.subarray(0, room));
      onLog(chunk.subarray(0, room));
      if (chunk.length > room) stop({ _tag: "LogTooLarge", bytes: limits.logBytes });
    });
    // A log that cannot be written ends the build; why it could not is thrown below.
    reading.catch(() => stop({ _tag: "Cancelled" }));
    const monitorCode = await sandbox.ended;
    const init = await sandbox.init;
    if (init !== undefined) await endNamespace(init);
    await reading;
    if (stopped !== undefined) fail(stopped);
    const builderCode = await sandbox.builderCode;
    if (builderCode === undefined) fail(notStarted(monitorCode, log.tail(), run.facts()));
    else if (builderCode !== 0) fail(exited(builderCode, log.tail()));
  } finally {
    clearTimeout(timeout);
    clearTimeout(silence);
    job.signal.removeEventListener("abort", cancel);
  }
}

/** A timer's longest time is 2^31 - 1 milliseconds; beyond it Node fires at once. */
const milliseconds = (seconds: number): number => Math.min(seconds * 1000, 2 ** 31 - 1);

function readLog(output: Socket, onChunk: (chunk: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    output.on("data", (chunk: Buffer) => {
      try {
        onChunk(chunk);
      } catch (error) {
        output.destroy(error as Error);
      }
    });
    output.once("error", reject);
    output.once("close", () => resolve());
  });
}

const SIGNALS: Readonly<Record<number, string>> = {
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  31: "SIGSYS",
};

/** Bubblewrap and shells alike report a signal as 128 and its number; which of them it was cannot be told. */
function exited(code: number, tail: string): BuildFailure {
  const signal = SIGNALS[code - 128] ?? null;
  const hint = hintFor(code, signal, tail);
  return { _tag: "BuilderExited", code, signal, ...(hint === undefined ? {} : { hint }) };
}

function hintFor(code: number, signal: string | null, tail: string): string | undefined {
  const notRun = /^(?:bwrap: execvp|.*\/env:) (.+): (.+)$/m.exec(tail.trim().split("\n").at(-1) ?? "");
  if (notRun !== null) return `the builder ${notRun[1]} could not be run (${notRun[2]}): is it in the rootfs?`;
  if (code === 127) return "127 is what a shell says of a command that it did not find: is it among the tools?";
  if (code === 126) return "126 is what a shell says of a file that it could not run: its mode, or its interpreter";
  if (signal === "SIGKILL") return "SIGKILL often is the kernel's answer to a lack of memory";
  return undefined;
}

/** No builder was started: bubblewrap's words are the last of the log. */
function notStarted(monitorCode: number | null, tail: string, host: HostFacts): BuildFailure {
  const said = tail.trim().split("\n").at(-1) ?? "";
  const hint = said.startsWith("bwrap: execvp") ? hintFor(127, null, tail) : undefined;
  if (hint !== undefined) return { _tag: "BuilderExited", code: 127, signal: null, hint };
  const message = said === "" ? `the sandbox ended with code ${monitorCode} before its builder began` : said;
  if (/namespace|uid map|gid map|[Mm]ount|RTM_|Permission denied|Operation not permitted|ENOSPC/.test(said)) {
    return whyForbidden(said, host);
  }
  return { _tag: "IoFailed", operation: "set up the sandbox", code: "EIO", message };
}
