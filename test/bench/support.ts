/**
 * Measures contenders side by side: every round runs each of them once, so that a machine that becomes slower becomes so
 * for all of them, and ratios are taken within a round. Knows nothing of what is measured.
 *
 * A run is a program, or work of this process; its CPU is this process's and that of the programs that it waited for. Memory
 * is looked at in rounds that count for nothing, since looking takes time.
 */
import { type SpawnOptions, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Either } from "fp-ts/lib/Either.js";

export const CHECKOUT = join(import.meta.dirname, "../..");
export const CAB = join(CHECKOUT, "cab");

/** The store that is measured. Kept from one run to the next, so that only the first one has to build. */
export const ROOT = process.env.CAB_ROOT ?? join(tmpdir(), "cab-bench");

/** The Node that `./cab` runs on. */
export const NODE = join(CHECKOUT, `node_modules/node-linux-${process.arch}/bin/node`);

export interface Contender {
  readonly name: string;
  /** Before each run, outside of its time. */
  readonly prepare?: () => void | Promise<void>;
  readonly run: () => void | Promise<void>;
  /** Whether this process itself does the work, rather than programs that it starts. */
  readonly inProcess?: boolean;
}

export interface Timing {
  readonly name: string;
  /** One for each round. */
  readonly milliseconds: readonly number[];
  /** The same, of CPU. */
  readonly cpu: readonly number[];
  /** Bytes at the peak; undefined without a warm-up round. */
  readonly memory: number | undefined;
}

export interface Rounds {
  readonly rounds: number;
  /** Rounds before these, which fill caches and count for nothing; 1 unless given. */
  readonly warmUp?: number;
}

export async function measure({ rounds, warmUp = 1 }: Rounds, contenders: readonly Contender[]): Promise<Timing[]> {
  const timings = contenders.map(({ name }) => ({
    name,
    milliseconds: [] as number[],
    cpu: [] as number[],
    memory: undefined as number | undefined,
  }));
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, { prepare, run, inProcess = false }] of contenders.entries()) {
      const timing = timings[i] as (typeof timings)[number];
      await prepare?.();
      if (round < 0) {
        timing.memory = await (inProcess ? peakOfThis(run) : peakOfPrograms(run));
        continue;
      }
      const [started, used] = [performance.now(), cpuMilliseconds()];
      await run();
      timing.milliseconds.push(performance.now() - started);
      timing.cpu.push(cpuMilliseconds() - used);
    }
  }
  return timings;
}

/** Linux counts in hundredths of a second here, on every architecture. */
const TICK = 10;

/** Of this process, and of the programs that have ended. */
function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  // The fields that follow the name, which may hold anything; waited-for programs are the 14th and 15th of them.
  const fields = ofProcess("self", "stat").split(") ").at(-1)?.split(" ") ?? [];
  return (user + system) / 1000 + (Number(fields[13]) + Number(fields[14])) * TICK;
}

async function peakOfThis(run: Contender["run"]): Promise<number> {
  // Forgets the peak so far.
  writeFileSync("/proc/self/clear_refs", "5");
  await run();
  return peakOf("self");
}

/**
 * The most memory, in bytes, that the programs which `run` starts, and those that they start, hold together: of what lives at
 * one moment, the sum of what Linux keeps as each one's peak. Looked at now and then, so the last few milliseconds are missing.
 */
async function peakOfPrograms(run: Contender["run"]): Promise<number> {
  const peakBelow = (pid: string): number => {
    let sum = 0;
    for (const child of ofProcess(pid, `task/${pid}/children`).split(" ")) {
      if (child !== "") sum += peakOf(child) + peakBelow(child);
    }
    return sum;
  };
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakBelow(String(process.pid)));
  }, 5);
  await run();
  clearInterval(timer);
  return peak;
}

const peakOf = (pid: string): number => Number(/^VmHWM:\s+(\d+)/m.exec(ofProcess(pid, "status"))?.[1] ?? 0) * 1024;

/** Empty once the process has ended. */
function ofProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

/** Of an even number the upper of the two in the middle. */
export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

/**
 * Prints for each contender the median, the medians of its ratio to the first one and of its difference from it, the
 * median of its CPU, and its memory.
 * `each`: how many things one run did, for times of one of them.
 */
export function report(title: string, timings: readonly Timing[], each = 1): void {
  const peer = timings[0]?.milliseconds ?? [];
  const rows = timings.map(({ name, milliseconds, cpu, memory }) => [
    name,
    duration(median(milliseconds) / each),
    `${median(milliseconds.map((time, i) => time / (peer[i] as number))).toFixed(2)} x`,
    `${duration(median(milliseconds.map((time, i) => time - (peer[i] as number))) / each, true)}`,
    duration(median(cpu) / each),
    memory === undefined ? "" : megabytes(memory),
  ]);
  table(`${title} (median of ${peer.length})`, [["", "time", "ratio", "difference", "CPU", "memory"], ...rows]);
}

/** The first column to the left, the others to the right. */
export function table(title: string, rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("   ");
  process.stdout.write(`${title}\n${rows.map((row) => `  ${line(row).trimEnd()}\n`).join("")}\n`);
}

function duration(milliseconds: number, signed = false): string {
  const sign = signed && milliseconds >= 0 ? "+" : "";
  if (Math.abs(milliseconds) >= 10_000) return `${sign}${(milliseconds / 1000).toFixed(1)} s`;
  return `${sign}${milliseconds.toFixed(Math.abs(milliseconds) < 10 ? 2 : 1)} ms`;
}

/** Says why something was not measured: no malfunction. */
export const skip = (what: string, reason: string): void => void process.stdout.write(`${what}: skipped, ${reason}\n`);

/** Runs a program and gives its standard output; throws with its standard error unless it ends with 0. */
export function run(program: string, args: readonly string[], options: SpawnOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${program} ${args.join(" ")} ended with ${code ?? signal}:\n${stderr.slice(-2000)}`));
    });
  });
}

export const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Runs `cab` on the measured store, or another. */
export const cab = (args: readonly string[], { cwd = CHECKOUT, root = ROOT } = {}): Promise<string> =>
  run(CAB, args, { cwd, env: { ...process.env, CAB_ROOT: root }, stdio: ["ignore", "pipe", "inherit"] });

/** Realises a recipe and gives the place of its output on disk. */
export async function realised(name: string): Promise<string> {
  const path = (await cab(["realise", name])).trim();
  return join(ROOT, "store", basename(path));
}

/** The right side; an expected failure of the engine is a malfunction here. */
export function rightOf<E, A>(either: Either<E, A>): A {
  if (either._tag === "Left") throw new Error(JSON.stringify(either.left));
  return either.right;
}

/** Where PATH has this program; undefined if it is not installed. */
export const installed = (program: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(":")
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file));

/** Calls `use` with a folder that is removed afterwards, read-only directories in it too. */
export async function inTemporaryFolder<A>(
  name: string,
  use: (folder: string) => Promise<A>,
  parent: string = tmpdir(),
): Promise<A> {
  const folder = mkdtempSync(join(parent, `cab-bench-${name}-`));
  try {
    return await use(folder);
  } finally {
    await run("chmod", ["-R", "u+w", folder]);
    rmSync(folder, { recursive: true });
  }
}
