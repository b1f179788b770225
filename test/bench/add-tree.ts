/**
 * Adds a tree of 10,000 files, 270 MB, to a store, as what a builder left behind (hash, scan, link, sync, register) and
 * with a copy of it made first, beside `cp -a` with `sync -f`, and `nix-store --add` where it is installed. The content
 * is new in every round, so that nothing can be shared with what is there.
 *
 *     node test/bench/add-tree.ts [FOLDER]      FOLDER: on the file system to measure; default: the temporary one
 */
import { randomFillSync } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baseName, drvHash, type ResolvedDerivation, type Scratch, scratchFile, scratchPath } from "@cab/core";
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

const drv: ResolvedDerivation = {
  name: "tree",
  system: "x86_64-linux",
  builder: "builtin:bench@1",
  args: [],
  env: {},
  rootfs: null,
  sandbox: "cab-sandbox@1",
  inputDrvs: {},
  inputSrcs: [],
  outputs: { out: { _tag: "ContentAddressed" } },
};

async function admit(store: Store, scratch: Scratch): Promise<void> {
  rightOf(await store.admitOutputs({ scratch, drv, drvHash: drvHash(drv), inputs: [], derivers: [], seconds: 1 })());
}

/** A tree with new content and all that is dirty on the disk written, so that a round pays for its own work alone. */
async function freshTree(tree: string): Promise<string> {
  writeTree(tree);
  await run("sync", ["-f", tree]);
  return tree;
}

async function contenders(folder: string, store: Store): Promise<Contender[]> {
  const nix = installed("nix-store");
  if (nix === undefined) skip("nix-store --add", "it is not installed");
  let tree = "";
  let scratch: Scratch | undefined;
  const output = (): string => scratchFile(scratch as Scratch, baseName(scratchPath(drv.name, "out")));
  const newTree = async (): Promise<void> => {
    tree = await freshTree(join(mkdtempSync(join(folder, "tree-")), "tree"));
  };
  const newScratch = async (): Promise<void> => {
    scratch = rightOf(await store.openScratch(drv.name)());
  };
  const nixRoot = join(folder, "nix");
  const env = { ...process.env, NIX_STORE_DIR: join(nixRoot, "store"), NIX_STATE_DIR: join(nixRoot, "state") };
  return [
    {
      name: "cp -a, sync -f",
      prepare: newTree,
      run: async () => {
        const copy = `${tree}-copy`;
        await run("cp", ["-a", tree, copy]);
        await run("sync", ["-f", copy]);
      },
    },
    {
      name: "cab, as a builder left it",
      prepare: async () => {
        await newScratch();
        await freshTree(output());
      },
      run: () => admit(store, scratch as Scratch),
    },
    {
      name: "cab, copied first",
      prepare: async () => {
        await newTree();
        await newScratch();
      },
      run: async () => {
        await run("cp", ["-a", tree, output()]);
        await admit(store, scratch as Scratch);
      },
    },
    ...(nix === undefined
      ? []
      : [
          {
            name: "nix-store --add",
            prepare: newTree,
            run: async () => void (await run(nix, ["--add", tree], { env })),
          },
        ]),
  ];
}

await inTemporaryFolder(
  "add-tree",
  async (folder) => {
    const store = rightOf(openStore({ root: join(folder, "store"), builder: null }));
    try {
      const timings = await measure({ rounds: 5, warmUp: 1 }, await contenders(folder, store));
      report(`a tree of ${FILES} files, ${BYTES / 1e6} MB`, timings);
    } finally {
      await store.close();
    }
  },
  process.argv[2] ?? tmpdir(),
);
