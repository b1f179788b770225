/**
 * Runs the TypeScript compiler on one project and reads what it prints. Its plain output (`--pretty false`) is what every
 * problem matcher relies on; its programming interface is still called unstable. Knows nothing of recipes.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProjectConfig } from "./recipe-project.ts";

export interface Diagnostic {
  /** Null for what concerns no file, such as one that vanished. */
  readonly position: { readonly file: string; readonly line: number; readonly column: number } | null;
  /** TypeScript's number: 2322. */
  readonly code: number;
  /** A line for each link of its chain, the further in, the more indented. */
  readonly message: string;
}

export type TypeScriptRun =
  | {
      readonly _tag: "Checked";
      readonly diagnostics: readonly Diagnostic[];
      /** Everything that was read, TypeScript's own libraries included. */
      readonly files: readonly string[];
    }
  | { readonly _tag: "TimedOut" };

/** In bytes: some hundred thousand diagnostics. */
const MAX_OUTPUT = 64 * 2 ** 20;

/** Where it runs, so that it names files in diagnostics relative to this and those that it lists absolutely. */
const ROOT = "/";

/** `program` is the `bin/tsc` of an installed `typescript`. */
export async function runTypeScript(
  program: string,
  config: ProjectConfig,
  timeLimitSeconds: number,
): Promise<TypeScriptRun> {
  const folder = mkdtempSync(join(tmpdir(), "cab-types-"));
  try {
    const project = join(folder, "tsconfig.json");
    writeFileSync(project, JSON.stringify(config));
    const output = await run(program, ["-p", project, "--pretty", "false", "--listFiles"], timeLimitSeconds);
    return output === undefined ? { _tag: "TimedOut" } : { _tag: "Checked", ...parseOutput(output) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What it printed; undefined if it did not end in time. */
function run(program: string, args: readonly string[], timeLimitSeconds: number): Promise<string | undefined> {
  const argv = ["--disable-warning=ExperimentalWarning", program, ...args];
  const limits = { timeout: timeLimitSeconds * 1000, maxBuffer: MAX_OUTPUT };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { ...limits, cwd: ROOT, env: {} }, (error, stdout, stderr) => {
      if (error?.killed === true && error.code !== "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") resolve(undefined);
      // With diagnostics it ends with 1 or 2.
      else if (error === null || error.code === 1 || error.code === 2) resolve(stdout);
      else reject(new Error(`BUG: the type checker failed: ${stderr}`, { cause: error }));
    });
  });
}

const LOCATED = /^(.+?)\((\d+),(\d+)\): error TS(\d+): (.*)$/;
const UNLOCATED = /^error TS(\d+): (.*)$/;

/** Exported for tests. */
export function parseOutput(output: string): {
  readonly diagnostics: readonly Diagnostic[];
  readonly files: readonly string[];
} {
  const diagnostics: Diagnostic[] = [];
  const files: string[] = [];
  for (const line of output.split("\n")) {
    const last = diagnostics.at(-1);
    const [, file, at, column, code, message] = LOCATED.exec(line) ?? [];
    const [, bareCode, bareMessage] = UNLOCATED.exec(line) ?? [];
    if (file !== undefined && !line.startsWith(" ")) {
      const position = { file: join(ROOT, file), line: Number(at), column: Number(column) };
      diagnostics.push({ position, code: Number(code), message: message as string });
    } else if (bareCode !== undefined) {
      diagnostics.push({ position: null, code: Number(bareCode), message: bareMessage as string });
    } else if (line.startsWith(" ") && last !== undefined) {
      diagnostics[diagnostics.length - 1] = { ...last, message: `${last.message}\n${line}` };
    } else if (line.startsWith(ROOT)) {
      files.push(line);
    }
  }
  return { diagnostics, files };
}
