/**
 * Adds a tree of 10,000 files, 270 MB, to a store, as what a builder left behind (hash, scan, link, sync, register) and
 * with a copy of it made first, beside `cp -a`, with and without `sync -f`, and `nix-store --add` where it is installed.
 * The content is new in every round, so that nothing can be shared with what is there. Then adds what is there already, as
 * the same object and as part of another, beside a program that only reads and hashes it.
 *
 * Nothing is removed before the end: ext4 looks at each inode that was freed in the last minutes before it gives out
 * another one, which would cost whoever comes next more than what is measured.
 *
 *     node test/bench/add-tree.ts [FOLDER]      FOLDER: on the file system to measure; default: the temporary one
 */
import { hash, randomFillSync } from "node:crypto";
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baseName, drvHash, type ResolvedDerivation, type Scratch, scratchFile, scratchPath } from "@cab/core";
import { plainDerivation } from "@cab/core/testing";
import { openStore, type Store } from "@cab/store";
import { type Contender, installed, inTemporaryFolder, measure, report, rightOf, run, skip } from "./support.ts";

const FILES = 10_000;
const FILES_PER_FOLDER = 50;
const BYTES = 270e6;
/** A few large files and many small ones, as in a build's output: half of the bytes in one file of a hundred. */
const LARGE = { every: 100, bytes: BYTES / 2 / (FILES / 100) };
const SMALL_BYTES = BYTES / 2 / FILES;

function writeTree(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const bytes = Buffer.alloc(LARGE.bytes);
  for (let i = 0; i < FILES; i++) {
    const place = join(folder, `folder-${Math.floor(i / FILES_PER_FOLDER)}`);
    if (i % FILES_PER_FOLDER === 0) mkdirSync(place);
    const size = Math.round(i % LARGE.every === 0 ? LARGE.bytes : SMALL_BYTES);
    writeFileSync(join(place, `file-${i}`), randomFillSync(bytes.subarray(0, size)));
  }
}

const derivation = (name: string): ResolvedDerivation =>
  plainDerivation({ name, outputs: { out: { _tag: "ContentAddressed" } } });

async function admit(store: Store, drv: ResolvedDerivation, scratch: Scratch): Promise<void> {
  rightOf(await store.admitOutputs({ scratch, drv, drvHash: drvHash(drv), inputs: [], derivers: [], seconds: 1 })());
}

const outputOf = (drv: ResolvedDerivation, scratch: Scratch): string =>
  scratchFile(scratch, baseName(scratchPath(drv.name, "out")));

/** A tree with new content and all that is dirty on the disk written, so that a round pays for its own work alone. */
async function freshTree(tree: string): Promise<string> {
  writeTree(tree);
  await run("sync", ["-f", tree]);
  return tree;
}

async function newTree(folder: string): Promise<string> {
  return freshTree(join(mkdtempSync(join(folder, "tree-")), "tree"));
}

function adding(folder: string, store: Store): Contender[] {
  const nix = installed("nix-store");
  if (nix === undefined) skip("nix-store --add", "it is not installed");
  const drv = derivation("tree");
  let tree = "";
  let scratch!: Scratch;
  const prepare = async (): Promise<void> => {
    tree = await newTree(folder);
    scratch = rightOf(await store.openScratch(drv.name)());
  };
  const nixRoot = join(folder, "nix");
  const env = { ...process.env, NIX_STORE_DIR: join(nixRoot, "store"), NIX_STATE_DIR: join(nixRoot, "state") };
  const copy = async (): Promise<void> => void (await run("cp", ["-a", tree, `${tree}-copy`]));
  return [
    { name: "cp -a", prepare, run: copy },
    {
      name: "cp -a, sync -f",
      prepare,
      run: async () => {
        await copy();
        await run("sync", ["-f", tree]);
      },
    },
    {
      name: "cab, as a builder left it",
      prepare: async () => {
        scratch = rightOf(await store.openScratch(drv.name)());
        await freshTree(outputOf(drv, scratch));
      },
      run: () => admit(store, drv, scratch),
      inProcess: true,
    },
    {
      name: "cab, copied first",
      prepare,
      run: async () => {
        await run("cp", ["-a", tree, outputOf(drv, scratch)]);
        await admit(store, drv, scratch);
      },
      inProcess: true,
    },
    ...(nix === undefined
      ? []
      : [{ name: "nix-store --add", prepare, run: async () => void (await run(nix, ["--add", tree], { env })) }]),
  ];
}

/** The least that whoever wants every file's digest has to do. */
function readAndHash(tree: string): void {
  const buffer = Buffer.allocUnsafe(LARGE.bytes + 1);
  for (const folder of readdirSync(tree)) {
    for (const name of readdirSync(join(tree, folder))) {
      const descriptor = openSync(join(tree, folder, name), "r");
      hash("sha256", buffer.subarray(0, readSync(descriptor, buffer)));
      closeSync(descriptor);
    }
  }
}

async function addingAgain(folder: string, store: Store): Promise<Contender[]> {
  const tree = await newTree(folder);
  let scratch!: Scratch;
  const copyOf = async (drv: ResolvedDerivation): Promise<void> => {
    scratch = rightOf(await store.openScratch(drv.name)());
    await run("cp", ["-a", tree, outputOf(drv, scratch)]);
    await run("sync", ["-f", folder]);
  };
  const known = derivation("known");
  await copyOf(known);
  await admit(store, known, scratch);
  let others = 0;
  let other = known;
  return [
    { name: "read and hash", run: () => readAndHash(tree), inProcess: true },
    {
      name: "cab, the same object",
      prepare: () => copyOf(known),
      run: () => admit(store, known, scratch),
      inProcess: true,
    },
    {
      name: "cab, in another object",
      prepare: async () => {
        other = derivation(`other-${++others}`);
        await copyOf(other);
      },
      run: () => admit(store, other, scratch),
      inProcess: true,
    },
  ];
}

await inTemporaryFolder(
  "add-tree",
  async (folder) => {
    const store = rightOf(openStore({ root: join(folder, "store"), builder: null }));
    try {
      const tree = `a tree of ${FILES} files, ${BYTES / 1e6} MB`;
      report(tree, await measure({ rounds: 5 }, adding(folder, store)));
      report(`${tree}, whose files are known`, await measure({ rounds: 5 }, await addingAgain(folder, store)));
    } finally {
      await store.close();
    }
  },
  process.argv[2] ?? tmpdir(),
);
