/** Starts a program of this folder and speaks with it. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const CHILD = "child.ts";

export interface Child {
  /** The next line it says, parsed. */
  readonly said: () => Promise<unknown>;
  /** Every line that is left until it ends, as text. */
  readonly rest: () => Promise<string[]>;
  readonly tell: (text: string) => void;
  readonly kill: () => Promise<void>;
  /** How it ended: the signal's name or the exit code, and what it complained of. */
  readonly ended: Promise<{ readonly how: string | number | null; readonly complaint: string }>;
}

/** `wrapper`: a program and its arguments that runs the child, `file`. */
export function startChild(args: readonly string[], wrapper: readonly string[] = [], file = CHILD): Child {
  const source = fileURLToPath(new URL(file, import.meta.url));
  const [program = "", ...rest] = [...wrapper, process.execPath, "--no-warnings", source, ...args];
  const child: ChildProcessWithoutNullStreams = spawn(program, rest);
  const lines: Interface = createInterface({ input: child.stdout });
  const iterator = lines[Symbol.asyncIterator]();
  let complaint = "";
  child.stderr.on("data", (text) => {
    complaint += text;
  });
  const ended = new Promise<{ how: string | number | null; complaint: string }>((resolve) => {
    child.once("close", (code, signal) => resolve({ how: signal ?? code, complaint }));
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return {
    said: async () => {
      const { value, done } = await iterator.next();
      if (done === true) throw new Error(`the child ended: ${complaint}`);
      return JSON.parse(value);
    },
    rest: async () => {
      const left: string[] = [];
      for (let line = await iterator.next(); line.done !== true; line = await iterator.next()) left.push(line.value);
      return left;
    },
    tell: (text) => {
      child.stdin.write(text);
    },
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    ended,
  };
}
