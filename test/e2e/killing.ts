/**
 * Four `cab` processes work on one store (builds in the sandbox, collection, verification, exports and imports) and are
 * ended by SIGKILL at random moments, one of them or all at once; each is followed by a successor. After every moment it is
 * looked what the dead left behind. Knows how to disturb and what must hold; a test says how often.
 */
import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type DrvHash, isDrvHash, type StorePath } from "@cab/core";
import { openStore, type Store } from "../../packages/store/src/index.ts";
import { announcedProcesses, isAlive, isProcessId } from "../../packages/store/src/process-socket.ts";
import { rightOf } from "../../packages/store/src/testing/rig.ts";
import { cab, type Ended, fromCache, type RealiseReport, realise, startCab, workspace } from "./support.ts";

export interface Disturbance {
  /** An empty folder. */
  readonly folder: string;
  readonly moments: number;
  /** Chooses what runs and who is killed when; how far each has come by then is the machine's doing. */
  readonly seed: number;
}

export interface Aftermath {
  /** Moments at which one process, and at which all four were killed. */
  readonly killed: { readonly one: number; readonly all: number };
  /** Commands that came to their end, by verb. */
  readonly ended: Readonly<Record<string, number>>;
  /** Derivations that were built, and programs of living builds that were seen beside the killed: the load was real. */
  readonly built: number;
  readonly builders: number;
  /** Everything that did not hold. */
  readonly broken: readonly string[];
}

const ROLES = ["role-0", "role-1", "role-2", "role-3"];

/** Small derivations with a little of everything: many files, a reference to themselves, two outputs, shared inputs. */
const RECIPES: Readonly<Record<string, string>> = {
  "derivations/lib/script.ts": `import { contentAddressed, definePackage, type Package } from "@cab/core";
import seed from "@cab/derivations/toolchain/seed.ts";
export const script = (name: string, code: string, inputs: Record<string, Package> = {}) =>
  definePackage({ name }, () => ({
    name,
    builder: "/bin/bash",
    args: ["-ec", code],
    env: { PATH: "/usr/bin", ...inputs },
    rootfs: seed,
    outputs: contentAddressed(["out", "doc"]),
  }));
`,
  ...Object.fromEntries(
    ["a", "b"].map((name) => [
      `derivations/leaf-${name}.ts`,
      `import { script } from "./lib/script.ts";
export default script("leaf-${name}", 'mkdir $out; for i in {1..60}; do echo "${name} $i" > $out/$i; done; sleep 0.1; echo $out > $doc');
`,
    ]),
  ),
  "derivations/middle.ts": `import a from "./leaf-a.ts";
import b from "./leaf-b.ts";
import { script } from "./lib/script.ts";
export default script("middle", 'mkdir $out; ln -s $a $out/a; cp -r $b $out/b; echo $out > $out/self; sleep 0.1; mkdir $doc', { a, b });
`,
  ...Object.fromEntries(
    ROLES.map((name) => [
      `derivations/${name}.ts`,
      `import middle from "./middle.ts";
import { script } from "./lib/script.ts";
export default script("${name}", 'sleep 0.1; mkdir $out; echo ${name} $middle > $out/needs; echo ${name} > $doc', { middle });
`,
    ]),
  ),
};

/** mulberry32: small, seeded, and good enough to choose from a list. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Command {
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly stdout?: string;
}

/** Longest time between two moments, in milliseconds: about what building a role takes. */
const BETWEEN = 1500;

const PROCESSES = 4;

export async function disturb({ folder, moments, seed }: Disturbance): Promise<Aftermath> {
  const cwd = workspace(join(folder, "workspace"), RECIPES);
  const calm = { root: join(folder, "calm"), cwd };
  const root = join(folder, "harmed");
  const stream = join(folder, "roles.cab");
  await realise(["seed", "sandbox"], { ...calm, args: fromCache() });
  for (const name of ["seed", "sandbox"]) succeeded(await cab(["roots", "add", name], calm));
  execFileSync("cp", ["-a", calm.root, root]);
  const { outputs: expected } = await realise(ROLES, calm);
  succeeded(await cab(["export", ...ROLES], { ...calm, stdout: stream }));

  const random = randomFrom(seed);
  const broken: string[] = [];
  const ended: Record<string, number> = {};
  const killed = { one: 0, all: 0 };
  let built = 0;
  let builders = 0;

  const chooser = (own: () => number, n: number) => (): Command => {
    const dice = own();
    const role = ROLES[Math.floor(own() * ROLES.length)] as string;
    if (dice < 0.6) return { args: ["realise", "--json", "--jobs", "2", role] };
    if (dice < 0.76) return { args: ["gc", "--json"] };
    if (dice < 0.86) return { args: ["import", "--trust-realisations", "--json"], stdin: stream };
    if (dice < 0.92) return { args: ["export", "sandbox"], stdout: join(folder, `export-${n}`) };
    return { args: own() < 0.7 ? ["verify"] : ["verify", "--contents"] };
  };

  const judge = ({ args }: Command, { code, signal, stdout, stderr }: Ended): void => {
    const [verb = ""] = args;
    ended[verb] = (ended[verb] ?? 0) + 1;
    if (code !== 0) broken.push(`cab ${args.join(" ")} ended with ${code ?? signal}: ${stdout}${stderr}`);
    else if (verb === "realise") {
      const report = JSON.parse(stdout) as RealiseReport;
      built += report.built.length;
      for (const [name, paths] of Object.entries(report.outputs)) {
        if (JSON.stringify(paths) !== JSON.stringify(expected[name])) broken.push(`${name} is ${paths.out}`);
      }
    }
  };

  const running = new Map<number, ChildProcess & { ended: Promise<Ended> }>();
  let stopped = false;
  let gate = Promise.resolve();
  const work = async (n: number): Promise<void> => {
    const choose = chooser(randomFrom(seed + 1 + n), n);
    let again: Command | undefined;
    for (;;) {
      await gate;
      if (stopped) return;
      const command = again ?? choose();
      const child = startCab(command.args, { root, cwd, ...command });
      running.set(n, child);
      const how = await child.ended;
      running.delete(n);
      // The successor of who was killed goes on with the same.
      again = child.killed ? command : undefined;
      if (!child.killed) judge(command, how);
    }
  };

  const kill = async (children: readonly (ChildProcess & { ended: Promise<Ended> })[]): Promise<void> => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(children.map((child) => child.ended));
  };

  const store = rightOf(openStore({ root, builder: null }));
  const look = async (): Promise<void> => {
    const { living, orphans } = await lookForBuilders(store);
    builders += living;
    broken.push(...orphans, ...(await claimsOfDead(store)), ...(await damagesOfSome(store, random)));
  };
  const workers = Array.from({ length: PROCESSES }, (_, n) => work(n));
  for (let moment = 0; moment < moments; moment++) {
    await sleep(random() * BETWEEN);
    const victim = random() < 0.85 ? running.get(Math.floor(random() * PROCESSES)) : undefined;
    if (victim !== undefined) {
      killed.one++;
      await kill([victim]);
      await look();
      continue;
    }
    const { promise, resolve: open } = Promise.withResolvers<void>();
    gate = promise;
    killed.all++;
    await kill([...running.values()]);
    await look();
    const role = ROLES[moment % ROLES.length] as string;
    for (const args of [
      ["gc", "--json"],
      ["realise", "--json", role],
    ])
      judge({ args }, await cab(args, { root, cwd }));
    broken.push(...litter(store, await ownProcess(store)));
    open();
  }
  stopped = true;
  await Promise.all(workers);
  for (const args of [
    ["gc", "--json"],
    ["realise", "--json", ...ROLES],
    ["verify", "--contents"],
  ]) {
    judge({ args }, await cab(args, { root, cwd }));
  }
  broken.push(...litter(store, await ownProcess(store)));
  await store.close();
  return { killed, ended, built, builders, broken };
}

function succeeded({ code, stderr }: Ended): void {
  if (code !== 0) throw new Error(stderr);
}

/** The test's own process among those of the store: it has claimed something. */
async function ownProcess(store: Store): Promise<readonly string[]> {
  const alive = [];
  for (const id of announcedProcesses(store.layout)) if (await isAlive(store.layout, id)) alive.push(`p-${id}`);
  return alive;
}

/** What must not lie there once somebody has built something while nobody else was at work. */
function litter({ layout }: Store, own: readonly string[]): string[] {
  return [
    ...readdirSync(layout.store).filter((name) => name.startsWith(".tmp")),
    ...readdirSync(layout.processes).filter((name) => !own.includes(name)),
    ...readdirSync(layout.claims),
  ].map((name) => `${name} was left behind`);
}

/** Long enough for the kernel to end a sandbox whose engine is gone; short enough to call it left behind. */
const PATIENCE_TURNS = 500;

/** Those whose engine lives, and those that are left of a dead one. */
async function lookForBuilders(store: Store): Promise<{ readonly living: number; readonly orphans: string[] }> {
  for (let turn = 0; ; turn++) {
    let living = 0;
    const orphans: string[] = [];
    for (const { pid, owner } of builderProcesses(store.layout.root)) {
      if (isProcessId(owner) && (await isAlive(store.layout, owner))) living++;
      else orphans.push(`process ${pid} of ${owner} was left behind`);
    }
    if (orphans.length === 0 || turn === PATIENCE_TURNS) return { living, orphans };
    await sleep(20);
  }
}

/** Of a sandbox the program outside is known by its arguments, and what is inside by what is mounted there. */
function builderProcesses(root: string): { readonly pid: number; readonly owner: string }[] {
  const scratch = new RegExp(`${root.slice(root.lastIndexOf("/cab-e2e-"))}/store/\\.tmp-([0-9A-Za-z]{6})-`);
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    const owner = scratch.exec(readIfThere(`/proc/${pid}/mountinfo`) + readIfThere(`/proc/${pid}/cmdline`))?.[1];
    return owner === undefined ? [] : [{ pid: Number(pid), owner }];
  });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    // It has ended, or is another user's.
    return "";
  }
}

/** A claim whose holder is dead is anybody's. */
async function claimsOfDead(store: Store): Promise<string[]> {
  const { layout } = store;
  const found: string[] = [];
  for (const name of readdirSync(layout.claims)) {
    const holder = holderOf(join(layout.claims, name));
    if (!isDrvHash(name) || holder === undefined || (await isAlive(layout, holder as never))) continue;
    const claim = rightOf(await store.claim(name as DrvHash)());
    if (claim._tag === "Ours") await claim.release();
    else if (holderOf(join(layout.claims, name)) === holder) found.push(`${holder} is dead and still claims ${name}`);
  }
  return found;
}

function holderOf(claim: string): string | undefined {
  try {
    return readlinkSync(claim);
  } catch {
    return undefined;
  }
}

const SAMPLE = 4;

/** Reads some objects whole: the seed, which is large, only at the very end. */
async function damagesOfSome(store: Store, random: () => number): Promise<string[]> {
  const small = store.objects().filter((path) => !path.endsWith("-seed"));
  const paths = Array.from({ length: SAMPLE }, () => small[Math.floor(random() * small.length)] as StorePath);
  const { damages } = rightOf(
    await store.verify({
      paths,
      contents: true,
      workers: 1,
      signal: new AbortController().signal,
      onDamage: () => {},
      onProgress: () => {},
    })(),
  );
  return damages.map((damage) => JSON.stringify(damage));
}
