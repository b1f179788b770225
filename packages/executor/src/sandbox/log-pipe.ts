/**
 * Pipes that builders write their log to: named ones, since Node offers no others, unlinked at once. A socket, which is
 * what Node would give, cannot be opened again as /dev/stderr or /dev/stdout, and builders do that. Kept for the next
 * build, since making one starts a program (2 ms).
 */
import { closeSync, constants, fchmodSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { fail } from "../failure.ts";
import type { SandboxPrograms } from "./programs.ts";

export interface LogPipes {
  readonly open: (programs: SandboxPrograms) => Promise<LogPipe>;
  readonly close: () => void;
}

export interface LogPipe {
  /** For the builder: both its standard output and its standard error. */
  readonly writer: number;
  /** Ends when the last writer is gone. Closes `writer`, which the builder must have by then. */
  readonly reader: () => Socket;
  /** Gives the pipe back; nobody may hold it open any more. */
  readonly release: () => void;
}

export function logPipes(temporaryDir: string): LogPipes {
  const free: number[] = [];
  return {
    open: async (programs) => {
      const pipe = free.pop() ?? (await makePipe(programs, temporaryDir));
      // Opening a descriptor's own path gives a new open file of the same pipe.
      const reading = openSync(`/proc/self/fd/${pipe}`, constants.O_RDONLY | constants.O_NONBLOCK);
      const writer = openSync(`/proc/self/fd/${pipe}`, constants.O_WRONLY);
      return {
        writer,
        reader: () => {
          closeSync(writer);
          return new Socket({ fd: reading, readable: true, writable: false });
        },
        release: () => free.push(pipe),
      };
    },
    close: () => {
      for (const pipe of free.splice(0)) closeSync(pipe);
    },
  };
}

async function makePipe(programs: SandboxPrograms, temporaryDir: string): Promise<number> {
  const { execa } = await import("execa");
  const directory = mkdtempSync(`${temporaryDir}/cab-log-`);
  try {
    const [program, ...args] = [...programs.outside("mkfifo"), `${directory}/pipe`];
    const { failed, stderr } = await execa(program as string, args, {
      extendEnv: false,
      stdin: "ignore",
      reject: false,
    });
    if (failed) fail({ _tag: "IoFailed", operation: "make a pipe", code: "EIO", message: stderr });
    const pipe = openSync(`${directory}/pipe`, constants.O_RDONLY | constants.O_NONBLOCK);
    // As root the builder is another user, and opens /dev/stderr with its own rights.
    fchmodSync(pipe, 0o666);
    return pipe;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
