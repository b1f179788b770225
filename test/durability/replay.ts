/**
 * Records an operation under strace, makes the disks that a power failure may leave of it, and has each of them judged. Knows
 * which program does what; not what is looked at.
 */
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { removeTree } from "../../packages/store/src/remove-tree.ts";
import { type Crashing, type CrashState, crashDisk, crashStates, fingerprint, type Sampling } from "./crash-states.ts";
import { describeDisk, readDisk, writeDisk } from "./disk-on-disk.ts";
import { type Disk, diskAfter, everything } from "./file-system.ts";
import type { Question } from "./judge.ts";
import { type Given, type OperationName, operations, type Place, type Said, UMASK } from "./operations.ts";
import { interpret, type Recording } from "./recording.ts";
import { parseSystemCalls, straceArguments } from "./system-calls.ts";

export interface Recorded {
  readonly operation: OperationName;
  readonly place: Place;
  readonly given: Given;
  readonly recording: Recording;
  /** What was in the folder in the end. */
  readonly there: Disk;
}

const program = (name: string): string[] => ["--no-warnings", join(import.meta.dirname, name)];

/** How strace is started. */
export interface Strace {
  readonly words: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `directory`: an empty one, which is used up. */
export async function record(operation: OperationName, strace: Strace, directory: string): Promise<Recorded> {
  const place = { folder: join(directory, "folder"), beside: join(directory, "beside") };
  mkdirSync(place.beside);
  const given = await operations[operation].prepare(place);
  const initial = readDisk(place.folder);
  const log = join(place.beside, "strace");
  const [first = "", ...words] = [...strace.words, ...straceArguments(log), process.execPath, ...program("operate.ts")];
  execFileSync(first, [...words, operation, place.folder, JSON.stringify(given)], {
    cwd: strace.cwd,
    env: { PATH: process.env.PATH, ...strace.env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const calls = parseSystemCalls(readFileSync(log, "latin1"));
  const recording = interpret({ calls, folder: place.folder, initial, umask: UMASK });
  return { operation, place, given, recording, there: readDisk(place.folder) };
}

/** What there is after all that was recorded, and what there was: they differ if some change went unseen. */
export const ends = ({ recording, there }: Recorded): readonly [unknown, unknown] => [
  describeDisk(diskAfter(recording.initial, recording.steps, everything)),
  describeDisk(there),
];

export interface Finding {
  readonly state: CrashState;
  /** The call before which the power failed. */
  readonly before: string;
  readonly wrong: readonly string[];
}

export interface Replayed {
  /** Different disks. */
  readonly disks: number;
  readonly findings: readonly Finding[];
}

export interface ReplayOptions extends Sampling {
  /** Stops after so many findings. */
  readonly findings: number;
  /** At most so many disks, spread evenly over all there are. */
  readonly disks: number;
  /** Whether to look first at what is certain, the last moments before the others: what was reported is missed there. */
  readonly lastFirst?: boolean;
}

/** `crashes`: the recording, or one that was changed. */
export async function replay(recorded: Recorded, crashes: Crashing, options: ReplayOptions): Promise<Replayed> {
  const { place } = recorded;
  const said = saidBy(crashes);
  const last = said.at(-1) ?? null;
  if (last === null) throw new Error("the operation says nothing");
  const chosen = chooseStates(crashes, options);
  const findings: Finding[] = [];
  let judge = startJudge(recorded);
  let disks = 0;
  try {
    for (const state of chosen) {
      await removeTree(place.folder);
      writeDisk(crashDisk(crashes, state), place.folder);
      disks++;
      const wrong = await judge.ask({ said: said[state.after] ?? null, finally: last });
      if (wrong.length === 0) continue;
      findings.push({ state, before: nameOf(crashes, state.after), wrong });
      if (judge.hasEnded()) judge = startJudge(recorded);
      if (findings.length >= options.findings) break;
    }
  } finally {
    judge.stop();
  }
  return { disks, findings };
}

/** For each moment what had been said last. */
function saidBy({ steps }: Recording): (Said | null)[] {
  const said: (Said | null)[] = [null];
  for (const step of steps) said.push(step._tag === "Said" ? JSON.parse(step.text) : (said.at(-1) ?? null));
  return said;
}

function chooseStates(crashes: Crashing, options: ReplayOptions): CrashState[] {
  const states: CrashState[] = [];
  const seen = new Set<string>();
  const said = saidBy(crashes);
  const numbers = new Map<Said | null, number>();
  for (const state of crashStates(crashes, options)) {
    const last = said[state.after] ?? null;
    if (!numbers.has(last)) numbers.set(last, numbers.size);
    const key = `${numbers.get(last)} ${fingerprint(crashDisk(crashes, state))}`;
    if (seen.has(key)) continue;
    seen.add(key);
    states.push(state);
  }
  const every = Math.max(1, states.length / options.disks);
  const chosen = states.filter((_, i) => Math.floor(i / every) !== Math.floor((i - 1) / every));
  if (options.lastFirst !== true) return chosen;
  const certain = chosen.filter(({ choice }) => choice._tag === "Certain").reverse();
  return [...certain, ...chosen.filter(({ choice }) => choice._tag !== "Certain")];
}

const nameOf = ({ calls }: Recording, at: number): string => {
  const call = calls[at];
  if (call === undefined) return "the end";
  const args = call.args.map((arg) => arg.replace(/((?:\\x[0-9a-f]{2})+)/g, (hex) => readable(hex)));
  return `${call.name}(${args.join(", ")})`;
};

const readable = (hex: string): string =>
  Buffer.from(hex.replaceAll("\\x", ""), "hex").toString("latin1").slice(0, 200);

interface Judge {
  readonly ask: (question: Question) => Promise<readonly string[]>;
  readonly hasEnded: () => boolean;
  readonly stop: () => void;
}

function startJudge({ operation, place, given }: Recorded): Judge {
  const words = [...program("judge.ts"), operation, place.folder, JSON.stringify(given)];
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, words, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const closed = once(child, "close");
  let ended = false;
  return {
    ask: async (question) => {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await lines.next();
      if (done !== true) return JSON.parse(value);
      ended = true;
      const [code, signal] = await closed;
      return [`whoever opens the store ends with ${signal ?? code}`];
    },
    hasEnded: () => ended,
    stop: () => {
      child.stdin.end();
      child.kill();
    },
  };
}
