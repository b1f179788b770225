/**
 * Shows what realising does while it runs: on a terminal a block of lines that is redrawn, elsewhere one line an event.
 * Everything goes to standard error, so that standard output holds the result alone.
 */
import { type DrvHash, type Holder, namePart, type RealiseEvent, type StorePath, type Work } from "@cab/core";
import type { ElsewhereLog } from "./elsewhere.ts";
import { sizeText } from "./size-text.ts";
import type { Host } from "./verb.ts";

interface Running {
  readonly label: string;
  readonly since: number;
  bytes: string;
}

/** What another process makes for us. */
interface Awaited {
  readonly name: string;
  readonly who: string;
  readonly work: Work;
  /** When it was last told that this goes on. */
  told: number;
}

export type ProgressEvent = RealiseEvent | ElsewhereLog;

export interface Progress {
  readonly on: (event: ProgressEvent) => void;
  /** Removes the block, so that what is printed next stands on lines of its own. */
  readonly stop: () => void;
}

const REDRAW_MS = 200;

const VERBS: Readonly<Record<Work, string>> = { build: "building", fetch: "fetching", import: "importing" };
const DONE: Readonly<Record<Work, string>> = { build: "built", fetch: "fetched", import: "imported" };

/** Between two lines about something that we wait for, in seconds. */
const TELL_AGAIN = 30;

export function createProgress(host: Host): Progress {
  const running = new Map<string, Running>();
  const wanted = new Map<DrvHash, Work>();
  const awaited = new Map<DrvHash, Awaited>();
  let done = 0;
  let drawn = 0;
  let timer: NodeJS.Timeout | undefined;

  const say = (line: string): void => {
    erase();
    host.err(`${line}\n`);
    draw();
  };
  const erase = (): void => {
    if (drawn > 0) host.err(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    if (host.terminal === null || running.size === 0) return;
    const { columns } = host.terminal;
    const lines = [`[${done}/${wanted.size}] ${running.size} at work`];
    for (const { label, since, bytes } of running.values()) {
      lines.push(`  ${label}  ${duration(host.now() - since)}${bytes}`);
    }
    host.err(`${lines.map((line) => line.slice(0, columns - 1)).join("\n")}\n`);
    drawn = lines.length;
  };
  const redraw = (): void => {
    erase();
    draw();
  };
  const start = (key: string, label: string, since: number): void => {
    running.set(key, { label, since, bytes: "" });
    if (host.terminal === null) return;
    timer ??= setInterval(redraw, REDRAW_MS).unref();
    redraw();
  };
  const end = (key: string, line: string): void => {
    running.delete(key);
    say(line);
  };
  const since = (key: string, at: number): string => duration(at - (running.get(key)?.since ?? at));
  const count = (): string => `[${done}/${wanted.size}]`;

  const wait = ({ drv, name, work, holder }: Extract<RealiseEvent, { _tag: "BuiltElsewhere" }>): void => {
    const who = whoText(holder);
    const seconds = Math.max(0, (host.time() - holder.since) / 1000);
    awaited.set(drv, { name, who, work, told: Number.NEGATIVE_INFINITY });
    if (host.terminal === null)
      say(`${name} is being ${DONE[work]} by ${who}, for ${duration(seconds)}; waiting for it`);
    start(drv, `waiting for ${name}, being ${DONE[work]} by ${who}`, host.now() - seconds);
  };
  const hear = ({ drv, bytes, line }: ElsewhereLog): void => {
    const entry = running.get(drv);
    const other = awaited.get(drv);
    if (entry === undefined || other === undefined) return;
    entry.bytes = `  ${line}`;
    if (host.terminal !== null || host.now() - other.told < TELL_AGAIN) return;
    other.told = host.now();
    say(`${other.name}, ${other.who}, ${since(drv, other.told)}, ${sizeText(bytes)} of log: ${line}`);
  };
  const waited = ({ drv, found }: Extract<RealiseEvent, { _tag: "Waited" }>): void => {
    const other = awaited.get(drv);
    if (other === undefined) return;
    awaited.delete(drv);
    if (found) done++;
    const made = `${DONE[other.work]} by ${other.who}`;
    end(
      drv,
      found ? `${count()} ${other.name} was ${made} in ${since(drv, host.now())}` : `${other.name} was not ${made}`,
    );
  };

  return {
    stop: () => {
      clearInterval(timer);
      erase();
    },
    on: (event) => {
      switch (event._tag) {
        case "Wanted":
          wanted.set(event.drv, event.work);
          break;
        case "Started":
          start(event.drv, `${VERBS[event.work]} ${event.name}`, event.at);
          if (host.terminal === null && event.work === "build") say(`${count()} building ${event.name}`);
          break;
        case "Bytes": {
          const entry = running.get(event.drv);
          if (entry !== undefined) entry.bytes = `  ${megabytes(event.received)}${ofTotal(event.total)}`;
          break;
        }
        case "Ran":
          break;
        case "Finished":
          done++;
          // Copying a file of the workspace is nothing to tell, and on a terminal the block has shown the downloads.
          if (event.work === "import" || (event.work === "fetch" && host.terminal !== null)) {
            running.delete(event.drv);
            redraw();
          } else {
            end(event.drv, `${count()} ${DONE[event.work]} ${event.name} in ${since(event.drv, event.at)}`);
          }
          break;
        case "CutOff":
          say(`${event.name} is unchanged: its inputs changed and gave the same bytes`);
          break;
        case "Substituting":
          start(event.path, `fetching ${namePart(event.path)} from ${event.from}`, event.at);
          break;
        case "Substituted":
          end(event.path, `fetched ${nameOf(event.path)} in ${since(event.path, event.at)}`);
          break;
        case "BuiltElsewhere":
          wait(event);
          break;
        case "ElsewhereLog":
          hear(event);
          break;
        case "Waited":
          waited(event);
          break;
        case "SubstituterTrouble":
          say(`warning: ${event.substituter}: ${event.reason}`);
          break;
        case "Failed":
          running.delete(event.failure.drv);
          break;
      }
    },
  };
}

/** As much of what its user typed as a line has room for. */
const WORDS = 60;

function whoText({ worker }: Holder): string {
  if (worker === undefined) return "another cab";
  const words = ["cab", ...worker.words].join(" ").replace(/\p{Cc}/gu, "?");
  return `process ${worker.pid} (${words.length > WORDS ? `${words.slice(0, WORDS)}…` : words})`;
}

const nameOf = (path: StorePath): string => namePart(path);

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const ofTotal = (total: number | null): string => (total === null ? "" : ` of ${megabytes(total)}`);

/** `0.4 s`, `42 s`, `3 min 20 s`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
