/**
 * Deletes 10,000 dead objects, each a folder with one file of its own, from a store that has as many living ones, beside
 * `nix-store --gc` on the same; and marks a graph of 500,000 objects in memory.
 *
 *     node test/bench/collect.ts [FOLDER]      FOLDER: on the file system to measure; default: the temporary one
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baseName, drvHash, type ObjectInfo, type StorePath, scratchFile, scratchPath, storePath } from "@cab/core";
import { plainDerivation } from "@cab/core/testing";
import { openStore, type Store } from "@cab/store";
import { openDatabase } from "../../packages/store/src/database.ts";
import { readObjectGraph } from "../../packages/store/src/object-graph.ts";
import { type Contender, installed, inTemporaryFolder, measure, report, rightOf, run, skip } from "./support.ts";

const DEAD = 10_000;
/** Admitted at once, as outputs of one derivation. */
const OUTPUTS = 1000;

const open = (root: string): Store => rightOf(openStore({ root, builder: null }));

const writeObject = (folder: string, content: string): void => {
  mkdirSync(folder);
  writeFileSync(join(folder, "file"), content);
};

/** Adds `DEAD` objects that nothing refers to; gives their paths. */
async function fill(root: string, round: string): Promise<StorePath[]> {
  const store = open(root);
  const paths: StorePath[] = [];
  for (let i = 0; i < DEAD / OUTPUTS; i++) {
    const names = Array.from({ length: OUTPUTS }, (_, n) => `o${n}`);
    const outputs = Object.fromEntries(names.map((name) => [name, { _tag: "ContentAddressed" }] as const));
    const drv = plainDerivation({ name: `dead-${round}-${i}`, outputs });
    const scratch = rightOf(await store.openScratch(drv.name)());
    for (const name of names) {
      writeObject(scratchFile(scratch, baseName(scratchPath(drv.name, name))), `${round} ${i} ${name}`);
    }
    const admission = { scratch, drv, drvHash: drvHash(drv), inputs: [], derivers: [], seconds: 1 };
    paths.push(...Object.values(rightOf(await store.admitOutputs(admission)())));
    rightOf(await store.discardScratch(scratch)());
  }
  await store.close();
  return paths;
}

async function collect(root: string): Promise<void> {
  const store = open(root);
  const { signal } = new AbortController();
  const options = { dryRun: false, generations: undefined, now: Date.now(), signal, onProgress: () => {} };
  const { objects } = rightOf(await store.collect(options)());
  if (objects.length !== DEAD) throw new Error(`${objects.length} objects were deleted instead of ${DEAD}`);
  await store.close();
}

function nixContender(folder: string, nix: string): Contender {
  const root = join(folder, "nix");
  const env = { ...process.env, NIX_STORE_DIR: join(root, "store"), NIX_STATE_DIR: join(root, "state") };
  let round = 0;
  return {
    name: "nix-store --gc",
    prepare: async () => {
      const sources = join(folder, `nix-sources-${round++}`);
      mkdirSync(sources);
      for (let at = 0; at < DEAD; at += 1000) {
        const names = Array.from({ length: 1000 }, (_, i) => join(sources, `dead-${round}-${at + i}`));
        for (const name of names) writeObject(name, name);
        await run(nix, ["--add", ...names], { env });
      }
      await run("sync", ["-f", root]);
    },
    run: async () => void (await run(nix, ["--gc"], { env })),
  };
}

async function contenders(folder: string): Promise<Contender[]> {
  const nix = installed("nix-store");
  if (nix === undefined) skip("nix-store --gc", "it is not installed");
  const root = join(folder, "cab");
  let round = 0;
  const living = await fill(root, "living");
  const role = join(root, "var/profiles/role");
  mkdirSync(role);
  for (const [i, path] of living.entries()) symlinkSync(`../../../store/${baseName(path)}`, join(role, String(i)));
  const cab: Contender = {
    name: "cab",
    prepare: async () => {
      await fill(root, String(round++));
      await run("sync", ["-f", root]);
    },
    run: () => collect(root),
    inProcess: true,
  };
  return nix === undefined ? [cab] : [nixContender(folder, nix), cab];
}

const LARGE = 500_000;
const REFERENCES = 4;

/** A database of objects that are nowhere: each refers to some before it, and one in ten is a root. */
async function fillDatabase(directory: string): Promise<StorePath[]> {
  mkdirSync(directory);
  const database = openDatabase({ root: directory, directory });
  const paths: StorePath[] = [];
  for (let at = 0; at < LARGE; at += 10_000) {
    database.write((writer) => {
      for (let i = at; i < at + 10_000; i++) {
        const path = storePath(`bench:${i}`, `package-1.2.${i % 1000}`);
        const nth = (n: number): StorePath => paths[(i * 7919 + n * 104_729) % i] as StorePath;
        const references = i === 0 ? [] : [...new Set(Array.from({ length: REFERENCES }, (_, n) => nth(n)))];
        const hash = String(i).padStart(64, "0");
        const info: ObjectInfo = {
          ...{ path, kind: "dir", digest: hash, namingDigest: hash, selfDigest: hash, size: i, references },
          deriver: hash,
        };
        writer.object(info);
        paths.push(path);
      }
    });
  }
  await database.close();
  return paths.filter((_, i) => i % 10 === 0);
}

async function mark(folder: string): Promise<void> {
  const directory = join(folder, "large");
  const roots = await fillDatabase(directory);
  const database = openDatabase({ root: directory, directory });
  const marking: Contender = {
    name: "read the table, mark, order the rest",
    run: () => {
      const graph = readObjectGraph(database.tables);
      graph.referrersFirst(graph.reached(roots));
    },
    inProcess: true,
  };
  report(`${LARGE} objects with ${REFERENCES} references each`, await measure({ rounds: 3 }, [marking]));
  await database.close();
}

await inTemporaryFolder(
  "collect",
  async (folder) => {
    report(`${DEAD} dead objects`, await measure({ rounds: 3 }, await contenders(folder)));
    await mark(folder);
  },
  process.argv[2] ?? tmpdir(),
);
