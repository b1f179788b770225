/** Runs the real `cab` for tests: as a process, in folders of their own, as root or as a user without privileges. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { chownSync, closeSync, cpSync, mkdirSync, mkdtempSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inject } from "vitest";

export const CHECKOUT = join(import.meta.dirname, "../..");

export const isRoot = process.geteuid?.() === 0;

/** A uid that no account has. */
export const UNPRIVILEGED = 54_321;

export interface CabOptions {
  /** `CAB_ROOT`; `null` leaves it to cab. */
  readonly root: string | null;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** Words to run it under, such as a namespace: `["unshare", "-r"]`. */
  readonly under?: readonly string[];
  /** The checkout whose `./cab` is run; this one unless given. */
  readonly checkout?: string;
  /** Files for standard input and output, as the shell's `<` and `>`. */
  readonly stdin?: string;
  readonly stdout?: string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What of our own environment a fresh machine would have too: the network's settings. */
const NETWORK = ["http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CAB_DEBIAN_MIRROR"];

export function startCab(args: readonly string[], options: CabOptions): ChildProcess & { ended: Promise<Ended> } {
  const env: Record<string, string> = { PATH: process.env.PATH ?? "", HOME: options.env?.HOME ?? "/nonexistent" };
  for (const name of NETWORK) if (process.env[name] !== undefined) env[name] = process.env[name];
  if (options.root !== null) env.CAB_ROOT = options.root;
  const [program, ...words] = [...(options.under ?? []), join(options.checkout ?? CHECKOUT, "cab"), ...args];
  const stdin = options.stdin === undefined ? "ignore" : openSync(options.stdin, "r");
  const stdoutFile = options.stdout === undefined ? "pipe" : openSync(options.stdout, "w");
  const child = spawn(program as string, words, {
    cwd: options.cwd ?? options.checkout ?? CHECKOUT,
    env: { ...env, ...options.env },
    stdio: [stdin, stdoutFile, "pipe"],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  for (const descriptor of [stdin, stdoutFile]) if (typeof descriptor === "number") closeSync(descriptor);
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return Object.assign(child, { ended });
}

export const cab = (args: readonly string[], options: CabOptions): Promise<Ended> => startCab(args, options).ended;

/** What `realise --json` prints. */
export interface RealiseReport {
  readonly outputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly built: readonly string[];
  readonly fetched: readonly string[];
  readonly cutoff: readonly string[];
  readonly elsewhere: readonly string[];
  readonly seconds: number;
}

/** Flags by which a build takes what another file of this run has built; none of what it is itself about is there. */
export const fromCache = (): string[] => ["--from", inject("cache")];

/** Runs `cab realise --json` and fails with its messages unless it succeeds. */
export async function realise(
  names: readonly string[],
  options: CabOptions & { args?: readonly string[] },
): Promise<RealiseReport> {
  const { code, stdout, stderr } = await cab(["realise", "--json", ...(options.args ?? []), ...names], options);
  if (code !== 0) throw new Error(`cab realise ${names.join(" ")} ended with ${code}:\n${stderr}`);
  return JSON.parse(stdout) as RealiseReport;
}

/** A folder that the given user owns, removed by the test's end if `scratch` made it. */
export function temporaryFolder(name: string, uid?: number): string {
  const folder = mkdtempSync(join(tmpdir(), `cab-e2e-${name}-`));
  if (uid !== undefined) chownSync(folder, uid, uid);
  return folder;
}

/** Removes a store too, whose directories are read-only. */
export function removeFolder(folder: string): void {
  execFileSync("chmod", ["-R", "u+w", folder], { stdio: "ignore" });
  execFileSync("rm", ["-rf", folder]);
}

/** A workspace of the user's with these files; recipes go to `derivations/`. */
export function workspace(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** A copy of the shipped recipes in which a test may change some: its own checkout's `derivations/`. */
export function copyRecipes(folder: string): string {
  cpSync(join(CHECKOUT, "derivations"), join(folder, "derivations"), {
    recursive: true,
    filter: (source) => !source.includes("node_modules"),
  });
  return folder;
}

/** All files below a folder, links not followed. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Names of the objects in a store. */
export const storeObjects = (root: string): string[] =>
  readdirSync(join(root, "store"))
    .filter((name) => !name.startsWith("."))
    .sort();

/**
 * Folders of an object and of all that it refers to, found by looking for their hashes in its bytes: on purpose without
 * the store's own database.
 */
export function closureFolders(root: string, path: string): string[] {
  const objects = storeObjects(root);
  const reached = [path.slice("/cab/store/".length)];
  for (const name of reached) {
    // Exits with 1 where it finds nothing, as in an object of links alone.
    const found = spawnSync("grep", ["-rhoaE", "[0-9a-z]{32}-[0-9a-zA-Z+._?=-]+", join(root, "store", name)], {
      encoding: "latin1",
      maxBuffer: 2 ** 28,
    }).stdout;
    const links = execFileSync("find", [join(root, "store", name), "-type", "l", "-printf", "%l\\n"], {
      encoding: "latin1",
    });
    const mentioned = new Set(`${found}${links}`.match(/[0-9a-z]{32}(?=-)/g));
    for (const object of objects)
      if (mentioned.has(object.slice(0, 32)) && !reached.includes(object)) reached.push(object);
  }
  return reached.map((name) => join(root, "store", name)).sort();
}
