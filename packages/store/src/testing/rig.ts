/** What the store's tests share: stores in temporary directories, derivations, and trees written as literals. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Admission,
  baseName,
  drvHash,
  type OutputSpec,
  type ResolvedDerivation,
  type Scratch,
  type StorePath,
  scratchFile,
  scratchPath,
} from "@cab/core";
import type { Either } from "fp-ts/lib/Either.js";
import { onTestFinished } from "vitest";
import { removeTree } from "../remove-tree.ts";
import { openStore, type Store, type StoreOptions } from "../store.ts";

export function rightOf<E, A>(either: Either<E, A>): A {
  if (either._tag === "Left") throw new Error(`unexpected failure ${JSON.stringify(either.left)}`);
  return either.right;
}

export function leftOf<E, A>(either: Either<E, A>): E {
  if (either._tag === "Right") throw new Error(`unexpected success ${JSON.stringify(either.right)}`);
  return either.left;
}

/** Open to other users, as a store's root is; removed when the test has ended, whatever was made in it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "cab-store-"));
  chmodSync(directory, 0o755);
  onTestFinished(() => removeTree(directory));
  return directory;
}

export function temporaryStore(options: Partial<StoreOptions> = {}): Store {
  const store = rightOf(openStore({ root: temporaryDirectory(), builder: null, ...options }));
  onTestFinished(() => store.close());
  return store;
}

const CONTENT_ADDRESSED: OutputSpec = { _tag: "ContentAddressed" };

export const derivation = (
  name: string,
  { outputs = { out: CONTENT_ADDRESSED }, inputSrcs = [], args = [] }: Partial<ResolvedDerivation> = {},
): ResolvedDerivation => ({
  name,
  system: "x86_64-linux",
  builder: "builtin:test@1",
  args,
  env: {},
  rootfs: null,
  sandbox: "cab-sandbox@1",
  inputDrvs: {},
  inputSrcs,
  outputs,
});

export const contentAddressed = (...names: string[]): Record<string, OutputSpec> =>
  Object.fromEntries(names.map((name) => [name, CONTENT_ADDRESSED]));

/** A tree as a literal: text is a file, a record a directory. */
export type Tree = string | Buffer | { readonly exec: string } | { readonly link: string } | Folder;
export interface Folder {
  readonly dir: Readonly<Record<string, Tree>>;
}

export const dir = (entries: Readonly<Record<string, Tree>>): Folder => ({ dir: entries });

export function writeTree(file: string, tree: Tree): void {
  if (typeof tree === "string" || Buffer.isBuffer(tree)) {
    writeFileSync(file, tree);
  } else if ("exec" in tree) {
    writeFileSync(file, tree.exec, { mode: 0o755 });
  } else if ("link" in tree) {
    symlinkSync(tree.link, file);
  } else {
    mkdirSync(file);
    for (const name of Object.keys(tree.dir)) writeTree(join(file, name), tree.dir[name] as Tree);
  }
}

/** The literal of what is on disk. */
export function readTree(file: string): Tree {
  const stat = lstatSync(file);
  if (stat.isSymbolicLink()) return { link: readlinkSync(file) };
  if (stat.isFile()) {
    const text = readFileSync(file, "utf8");
    return (stat.mode & 0o111) === 0 ? text : { exec: text };
  }
  return dir(Object.fromEntries(readdirSync(file).map((name) => [name, readTree(join(file, name))])));
}

/** Where a test's builder puts an output. */
export const outputFile = (scratch: Scratch, drv: ResolvedDerivation, output = "out"): string =>
  scratchFile(scratch, baseName(scratchPath(drv.name, output)));

export const admission = (scratch: Scratch, drv: ResolvedDerivation, inputs: readonly StorePath[] = []): Admission => ({
  scratch,
  drv,
  drvHash: drvHash(drv),
  inputs,
  derivers: [],
  seconds: 1,
});

/** "Builds" a derivation whose outputs are the given trees, and admits them. */
export async function admitTrees(
  store: Store,
  drv: ResolvedDerivation,
  trees: Readonly<Record<string, Tree>>,
  inputs: readonly StorePath[] = [],
): Promise<ReturnType<ReturnType<Store["admitOutputs"]>> extends Promise<infer R> ? R : never> {
  const scratch = rightOf(await store.openScratch(drv.name)());
  for (const output of Object.keys(trees)) writeTree(outputFile(scratch, drv, output), trees[output] as Tree);
  const admitted = await store.admitOutputs(admission(scratch, drv, inputs))();
  rightOf(await store.discardScratch(scratch)());
  return admitted;
}

/** The path that a build finds itself under. */
export const self = (name: string, output = "out"): string => scratchPath(name, output);

/** Admits what `build` puts into the scratch directory. */
export async function admitBuilt(
  store: Store,
  drv: ResolvedDerivation,
  build: (scratch: Scratch) => void | Promise<void>,
) {
  const scratch = rightOf(await store.openScratch(drv.name)());
  await build(scratch);
  return store.admitOutputs(admission(scratch, drv))();
}

/** The path of a derivation that has one output, the given tree. */
export async function admitted(
  store: Store,
  name: string,
  tree: Tree,
  inputs: readonly StorePath[] = [],
): Promise<StorePath> {
  return rightOf(await admitTrees(store, derivation(name), { out: tree }, inputs)).out as StorePath;
}
