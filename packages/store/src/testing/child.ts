/**
 * A second process for the store's tests: `child.ts <root> admit <kill after step n> <bytes of one file>`, `… claim <DrvHash>`,
 * `… scratch`, `… record <how many>`, `… keep <path>`, `… collect <kill after step n>`,
 * `… realise <rounds>`, `… collectRounds`, `… fill`. Says what it did on one line of standard output; a claim is held until standard input says `release`.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import {
  type BuildFailure,
  type BuildJob,
  baseName,
  closure,
  type DrvHash,
  drvHash,
  type RealisationKey,
  realise,
  type StorePath,
  scratchFile,
  scratchPath,
} from "@cab/core";
import { plainDerivation, smallGraph } from "@cab/core/testing";
import type { Either } from "fp-ts/lib/Either.js";
import type { CollectOptions } from "../collect.ts";
import { openStore } from "../store.ts";
import { validPaths } from "./valid-paths.ts";

const [root = "", command = "", argument = "", size = "1000"] = process.argv.slice(2);

const say = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

let steps = 0;
const onStep = (): void => {
  if (++steps === Number(argument)) process.kill(process.pid, "SIGKILL");
};
const opened = openStore({ root, builder: null, onStep, onCollectionStep: onStep });
if (opened._tag === "Left") throw new Error(JSON.stringify(opened.left));
const store = opened.right;

/** Two outputs that refer to themselves and one to the other, so that every step of an admission happens. */
async function admit(): Promise<void> {
  const outputs = { out: { _tag: "ContentAddressed" }, doc: { _tag: "ContentAddressed" } } as const;
  const drv = plainDerivation({ name: "crash-1", outputs });
  const scratch = await store.openScratch(drv.name)();
  if (scratch._tag === "Left") throw new Error(JSON.stringify(scratch.left));
  for (const output of ["out", "doc"]) {
    const directory = scratchFile(scratch.right, baseName(scratchPath(drv.name, output)));
    mkdirSync(directory);
    for (let i = 0; i < 20; i++) {
      mkdirSync(join(directory, `d${i}`));
      writeFileSync(join(directory, `d${i}`, "data"), String(i).repeat(1000));
      chmodSync(join(directory, `d${i}`), 0o555);
    }
    // With a second name outside of the output, which makes the admission copy it.
    const big = join(scratch.right.buildDir, output);
    writeFileSync(big, Buffer.alloc(Number(size), output));
    linkSync(big, join(directory, "big"));
    writeFileSync(join(directory, "self"), `${scratchPath(drv.name, "out")} ${scratchPath(drv.name, output)}`);
  }
  const inputs = { scratch: scratch.right, drv, drvHash: drvHash(drv), inputs: [], derivers: [], seconds: 1 };
  const admitted = await store.admitOutputs(inputs)();
  await store.discardScratch(scratch.right)();
  say({ admitted, steps });
  await store.close();
}

async function claim(): Promise<void> {
  const claimed = await store.claim(argument as DrvHash)();
  if (claimed._tag === "Left") throw new Error(JSON.stringify(claimed.left));
  const { right } = claimed;
  say(right._tag);
  if (right._tag !== "Ours") return;
  await new Promise((resolve) => process.stdin.once("data", resolve));
  await right.release();
  say("released");
  await store.close();
  process.stdin.destroy();
}

async function scratch(): Promise<void> {
  const opened = await store.openScratch("left-1")();
  if (opened._tag === "Left") throw new Error(JSON.stringify(opened.left));
  const { buildDir } = opened.right;
  mkdirSync(join(buildDir, "locked/inside"), { recursive: true });
  writeFileSync(join(buildDir, "locked/inside/file"), "");
  chmodSync(join(buildDir, "locked/inside"), 0o555);
  chmodSync(join(buildDir, "locked"), 0o000);
  say(opened.right);
  process.stdin.resume();
}

async function record(): Promise<void> {
  const path = scratchPath("recorded-1", "out");
  const realisations = Array.from({ length: Number(argument) }, (_, i) => ({
    key: `key:${i}` as RealisationKey,
    path,
  }));
  say(await store.record(realisations)());
  await store.close();
}

async function keep(): Promise<void> {
  const kept = await store.keep([argument as StorePath])();
  say(kept._tag === "Right" ? kept.right : kept);
  process.stdin.resume();
}

const everything = (): CollectOptions => ({
  dryRun: false,
  generations: undefined,
  now: Date.now(),
  signal: new AbortController().signal,
  onProgress: () => {},
});

async function collect(): Promise<void> {
  say({ collected: await store.collect(everything())(), steps });
  await store.close();
}

/** Realises a role again and again, each time as a new process would, and looks whether all of it is there. */
async function realiseRounds(): Promise<void> {
  const graph = smallGraph();
  const source = graph.add({ name: "source", write: "int inflate;", fixed: "sha256" });
  const library = graph.add({ name: "library", write: "code", inputs: [source] });
  const apps = ["a", "b", "c"].map((name) =>
    graph.add({ name, write: `${name} needs ${graph.ref(library)}`, inputs: [library, source] }),
  );
  const role = graph.add({ name: "role", write: apps.map((app) => graph.ref(app)).join(), inputs: apps });
  const missing: string[] = [];
  let built = 0;
  for (let round = 0; round < Number(argument); round++) {
    const own = openStore({ root, builder: null });
    if (own._tag === "Left") throw new Error(JSON.stringify(own.left));
    const realised = await realise({
      derivation: graph.derivation,
      roots: [{ drv: role, outputs: ["out"] }],
      sandboxTools: null,
      jobs: 2,
      downloads: 2,
      keepOutputs: true,
      keepGoing: false,
    })({
      store: own.right,
      builder: { build: (job) => async () => writeOutputs(job) },
      substituters: [],
      emit: () => {},
      now: () => 0,
      signal: new AbortController().signal,
    })();
    built += realised.built.length;
    for (const failure of realised.failures) missing.push(JSON.stringify(failure));
    for (const path of closure(own.right, [realised.outputs[0]?.out as StorePath])) {
      if (own.right.object(path) === undefined || !existsSync(own.right.physical(path))) missing.push(path);
    }
    await own.right.close();
  }
  say({ missing, built });
  await store.close();
}

async function writeOutputs({ drv, scratch, inputs, physical }: BuildJob): Promise<Either<BuildFailure, void>> {
  for (const input of inputs) lstatSync(physical(input));
  await new Promise((resolve) => setImmediate(resolve));
  for (const output of Object.keys(drv.outputs)) {
    const file = scratchFile(scratch, baseName(scratchPath(drv.name, output)));
    writeFileSync(file, drv.env[`write_${output}`] as string);
  }
  for (const input of inputs) lstatSync(physical(input));
  return { _tag: "Right", right: undefined };
}

/** Collects again and again, each time as a new process would, until it is told to stop. */
async function collectRounds(): Promise<void> {
  let deleted = 0;
  const broken: StorePath[] = [];
  let stopped = false;
  process.stdin.once("data", () => {
    stopped = true;
    process.stdin.destroy();
  });
  say("begins");
  while (!stopped) {
    const own = openStore({ root, builder: null });
    if (own._tag === "Left") throw new Error(JSON.stringify(own.left));
    const collected = await own.right.collect(everything())();
    if (collected._tag === "Left") throw new Error(JSON.stringify(collected.left));
    deleted += collected.right.objects.length;
    for (const path of validPaths(own.right)) {
      for (const reference of own.right.object(path)?.references ?? []) {
        if (own.right.object(reference) === undefined && own.right.object(path) !== undefined) broken.push(path);
      }
    }
    await own.right.close();
    // An empty store is collected without waiting for anything: what we are told must be heard in between.
    await new Promise((resolve) => setImmediate(resolve));
  }
  say({ deleted, broken });
  await store.close();
}

/** Uses up the store's disk, and then collects everything. */
async function fill(): Promise<void> {
  const descriptor = openSync(join(root, "filling"), "w");
  try {
    for (let size = 1 << 20; size > 0; ) {
      try {
        writeSync(descriptor, Buffer.alloc(size, 1));
      } catch {
        size >>= 1;
      }
    }
  } finally {
    closeSync(descriptor);
  }
  const free = statfsSync(root);
  const collected = await store.collect(everything())();
  say({ free: free.bavail, collected });
  await store.close();
}

const commands: Readonly<Record<string, () => Promise<void>>> = {
  admit,
  claim,
  scratch,
  record,
  keep,
  collect,
  realise: realiseRounds,
  collectRounds,
  fill,
};
// What a store waits for, such as the end of another process's claim, keeps nobody alive by itself.
const alive = setInterval(() => {}, 2 ** 30);
await commands[command]?.();
clearInterval(alive);
