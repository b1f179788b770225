/**
 * The first process of a sandbox's pid namespace: when it is gone, the kernel has ended every process below it. Reads
 * /proc; knows nothing of bubblewrap.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf } from "../failure.ts";

export interface InitProcess {
  readonly pid: number;
  /** Clock ticks at which it began: tells it from a later process of the same number. */
  readonly startTime: string;
}

/** Undefined if it has ended already. */
export function initProcess(pid: number): InitProcess | undefined {
  const state = stateOf(pid);
  return state === undefined ? undefined : { pid, startTime: state.startTime };
}

/** Kills it, and with it the namespace, and waits until all of it has ended. */
export async function endNamespace(init: InitProcess): Promise<void> {
  for (let milliseconds = 0; isRunning(init); milliseconds = Math.min(50, milliseconds + 1)) {
    kill(init.pid);
    await sleep(milliseconds);
  }
}

export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}

/** A zombie's namespace is empty: the kernel lets the first process die only after all others. */
const isRunning = ({ pid, startTime }: InitProcess): boolean => {
  const state = stateOf(pid);
  return state !== undefined && state.startTime === startTime && state.letter !== "Z" && state.letter !== "X";
};

/** Source: proc_pid_stat(5). The second field, in parentheses, may hold anything, so fields are counted from its end. */
function stateOf(pid: number): { letter: string; startTime: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { letter: fields[0] as string, startTime: fields[19] as string };
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
