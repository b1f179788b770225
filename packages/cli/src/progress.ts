/**
 * Shows what realising does while it runs: on a terminal a block of lines that is redrawn, elsewhere one line an event.
 * Everything goes to standard error, so that standard output holds the result alone.
 */
import { type DrvHash, namePart, type RealiseEvent, type StorePath, type Work } from "@cab/core";
import type { Host } from "./verb.ts";

interface Running {
  readonly label: string;
  readonly since: number;
  bytes: string;
}

export interface Progress {
  readonly on: (event: RealiseEvent) => void;
  /** Removes the block, so that what is printed next stands on lines of its own. */
  readonly stop: () => void;
}

const REDRAW_MS = 200;

const VERBS: Readonly<Record<Work, string>> = { build: "building", fetch: "fetching", import: "importing" };
const DONE: Readonly<Record<Work, string>> = { build: "built", fetch: "fetched", import: "imported" };

export function createProgress(host: Host): Progress {
  const running = new Map<string, Running>();
  const wanted = new Map<DrvHash, Work>();
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
          say(`${event.name} is being built by another cab; waiting for it`);
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

const nameOf = (path: StorePath): string => namePart(path);

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const ofTotal = (total: number | null): string => (total === null ? "" : ` of ${megabytes(total)}`);

/** `0.4 s`, `42 s`, `3 min 20 s`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
