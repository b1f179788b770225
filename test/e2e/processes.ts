/** Processes that tests start: which there are below one, what they have mapped, when they are ready. */
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ended } from "./support.ts";

export interface Descendant {
  readonly pid: number;
  /** The file that it runs, without its folder. */
  readonly program: string;
}

/** All descendants of a process that have not ended. */
export function descendants(ancestor: number): Descendant[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const stat = unlessEnded(() => readFileSync(`/proc/${name}/stat`, "utf8"));
    if (stat !== undefined) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  return [...parents.keys()].flatMap((pid) => {
    let above = parents.get(pid);
    while (above !== undefined && above !== ancestor) above = parents.get(above);
    const program = above === ancestor ? programOf(pid) : undefined;
    return program === undefined ? [] : [{ pid, program }];
  });
}

/** Whether it still runs what it did. */
export const isRunning = ({ pid, program }: Descendant): boolean => programOf(pid) === program;

const programOf = (pid: number): string | undefined =>
  unlessEnded(() => readlinkSync(`/proc/${pid}/exe`))
    ?.split("/")
    .at(-1);

/** A process may end while it is asked about, and one that nobody has waited for has no program any more. */
function unlessEnded<A>(ask: () => A): A | undefined {
  try {
    return ask();
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** The one descendant that runs this program, its own descendants aside. */
export function processBelow(ancestor: number, program: string): number {
  const found = descendants(ancestor).find((each) => each.program === program);
  if (found === undefined) throw new Error(`no ${program} below process ${ancestor}`);
  return found.pid;
}

/** Files that a process has mapped. */
export const mappedFiles = (pid: number): string[] => [
  ...new Set(
    readFileSync(`/proc/${pid}/maps`, "utf8")
      .split("\n")
      .flatMap((line) => /\s(\/.*)$/.exec(line)?.[1] ?? []),
  ),
];

/** Asks until the server answers; fails with the server's own words if it ends before. */
export async function untilReady(
  health: () => Promise<boolean>,
  server: ChildProcess & { ended: Promise<Ended> },
): Promise<void> {
  for (let attempts = 0; attempts < 100; attempts++) {
    if (server.exitCode !== null) throw new Error(`the server ended:\n${(await server.ended).stderr}`);
    if (await health()) return;
    await sleep(100);
  }
  throw new Error("the server never answered");
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
