/** Examines a database in a child process. Knows how to run the probe and read what it says; not what a row means. */
import { fileURLToPath } from "node:url";
import type { ProbeLine } from "./database-probe.ts";
import { ownProgram } from "./own-program.ts";

export interface DamagedRow {
  readonly table: string;
  /** Undefined if reading the table ended the process. */
  readonly key: string | undefined;
}

export interface Row {
  readonly table: string;
  readonly key: string;
  readonly value: Buffer;
}

export const TABLES = ["meta", "objects", "referrers", "directories", "derivations", "realisations", "buildTimes"];

/** Every damaged row of these tables. */
export async function damagedRows(directory: string): Promise<DamagedRow[]> {
  return runProbe([directory, "check", ...TABLES], () => {});
}

/** Gives every sound row of a table, up to where reading it ends the process. */
export const salvageRows = (directory: string, table: string, onRow: (row: Row) => void): Promise<DamagedRow[]> =>
  runProbe([directory, "salvage", table], onRow);

/** The same as one answer, for who cannot wait for another: opening a store does not, and is seldom in doubt. */
export function hasDamagedRows(directory: string): boolean {
  // Loaded here because opening a store must stay cheap: child_process costs 2 ms.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const { status, stdout } = spawnSync(process.execPath, probe([directory, "check", ...TABLES]), {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  return status !== 0 || stdout.split("\n").some((text) => "damaged" in (parsed(text) ?? {}));
}

const probe = (args: readonly string[]): string[] => [
  "--no-warnings",
  fileURLToPath(ownProgram("database-probe")),
  ...args,
];

async function runProbe(args: readonly string[], onRow: (row: Row) => void): Promise<DamagedRow[]> {
  const [{ spawn }, { createInterface }] = await Promise.all([import("node:child_process"), import("node:readline")]);
  const child = spawn(process.execPath, probe(args), { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const damaged: DamagedRow[] = [];
  let table = "database";
  for await (const text of createInterface({ input: child.stdout })) {
    const line = parsed(text);
    if (line === undefined) continue;
    if ("table" in line) table = line.table;
    else if ("damaged" in line) damaged.push({ table, key: line.damaged });
    else if ("key" in line) onRow({ table, key: line.key, value: Buffer.from(line.value, "base64") });
  }
  if ((await ended) !== 0) damaged.push({ table, key: undefined });
  return damaged;
}

/** The last line of a process that died may be cut off. */
function parsed(text: string): ProbeLine | undefined {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
