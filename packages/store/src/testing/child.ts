/**
 * A second process for the store's tests: `child.ts <root> admit <kill after step n> <bytes of one file>`, `… claim <DrvHash>`,
 * `… scratch`, `… record <how many>`, `… keep <path>`, `… collect <kill after step n>`. Says what it did on one line of standard output; a claim is held until standard input says `release`.
 */
import { chmodSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  baseName,
  type DrvHash,
  drvHash,
  type RealisationKey,
  type StorePath,
  scratchFile,
  scratchPath,
} from "@cab/core";
import { plainDerivation } from "@cab/core/testing";
import { openStore } from "../store.ts";

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

async function collect(): Promise<void> {
  const { signal } = new AbortController();
  const options = { dryRun: false, generations: undefined, now: Date.now(), signal, onProgress: () => {} };
  say({ collected: await store.collect(options)(), steps });
  await store.close();
}

const commands: Readonly<Record<string, () => Promise<void>>> = { admit, claim, scratch, record, keep, collect };
await commands[command]?.();
