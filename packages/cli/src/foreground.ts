/** Another program in our place: its terminal and exit code are ours, and what asks us to end asks it. */
import { type ChildProcess, spawn } from "node:child_process";

/** As shells number a death by signal. */
const SIGNAL_BASE = 128;

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

export interface ForegroundOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Asks it to end. */
  readonly signal: AbortSignal;
}

export interface Foreground {
  readonly child: ChildProcess;
  readonly ended: Promise<number>;
}

export function startForeground([program, ...args]: readonly string[], options: ForegroundOptions): Foreground {
  const { env, signal } = options;
  const child = spawn(program as string, args, { stdio: ["inherit", "inherit", "inherit", "pipe"], env: { ...env } });
  let status = "";
  child.stdio[3]?.on("data", (chunk: Buffer) => {
    status += chunk.toString();
  });
  // In a view of the host it is bubblewrap's child that became the program, and bubblewrap passes no signal on.
  const pass = (): void => {
    const inside = /"child-pid": *(\d+)/.exec(status)?.[1];
    if (inside === undefined) child.kill("SIGTERM");
    else process.kill(Number(inside), "SIGTERM");
  };
  signal.addEventListener("abort", pass);
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signalName) => {
      signal.removeEventListener("abort", pass);
      resolve(code ?? SIGNAL_BASE + (SIGNALS[signalName ?? ""] ?? 0));
    });
  });
  return { child, ended };
}
