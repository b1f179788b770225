/**
 * What is done to a store while the power fails: each operation with the folder that it begins with, the real work, and
 * what it reports when that is done. Knows the store; neither recordings nor disks.
 *
 * In the folder, `root` is the store and `links` the user's own folder.
 */
import { chmodSync, createReadStream, createWriteStream, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  baseName,
  drvHash,
  type ObjectInfo,
  type RealisationKey,
  type ResolvedDerivation,
  referencesFirst,
  type StorePath,
  scratchFile,
  scratchPath,
} from "@cab/core";
import { plainDerivation } from "@cab/core/testing";
import { openStore, type Store } from "@cab/store";
import { rebuildDatabase } from "@cab/store/database-repair";
import type { Either } from "fp-ts/lib/Either.js";
import { besides, flipByte, spoilRecord } from "../../packages/store/src/testing/damage.ts";

/** What must be true from now on, whatever happens to the power. */
export interface Said {
  readonly valid: readonly StorePath[];
  /** Links that keep an object. */
  readonly roots: readonly string[];
  readonly realisations: Readonly<Record<RealisationKey, StorePath>>;
}

/** What an operation begins with. */
export interface Given {
  /** Valid and not to be lost, at any time. */
  readonly lasting: readonly StorePath[];
  /** Not whole, or without a sound record, until the operation has said something. */
  readonly damaged: readonly StorePath[];
  /** A file outside of the folder that the operation reads. */
  readonly stream: string;
}

export interface Place {
  /** Where everything happens that is recorded. */
  readonly folder: string;
  /** For whatever else is needed. */
  readonly beside: string;
}

export interface Operation {
  readonly prepare: (place: Place) => Promise<Given>;
  readonly run: (folder: string, given: Given, say: (said: Said) => void) => Promise<void>;
}

/** With which operations are done: what others may read, they may by the store's own doing. */
export const UMASK = 0o077;

export const rootOf = (folder: string): string => join(folder, "root");

const linksOf = (folder: string): string => join(folder, "links");

export function rightOf<E, A>(either: Either<E, A>): A {
  if (either._tag === "Left") throw new Error(`unexpected failure ${JSON.stringify(either.left)}`);
  return either.right;
}

async function withStore<A>(root: string, action: (store: Store) => Promise<A>): Promise<A> {
  const store = rightOf(openStore({ root, builder: null }));
  try {
    return await action(store);
  } finally {
    await store.close();
  }
}

/** Text is a file, `run` one that can be executed, a path behind `->` a link. */
interface Tree {
  readonly [name: string]: string | Tree;
}

function writeTree(directory: string, tree: Tree): void {
  mkdirSync(directory);
  for (const [name, entry] of Object.entries(tree)) {
    const file = join(directory, name);
    if (typeof entry !== "string") writeTree(file, entry);
    else if (entry.startsWith("->")) symlinkSync(entry.slice(2), file);
    else writeFileSync(file, entry, { mode: name === "run" ? 0o755 : 0o644 });
  }
}

interface Admitted {
  readonly paths: Readonly<Record<string, StorePath>>;
  readonly realisations: Record<RealisationKey, StorePath>;
}

/** As if a builder had left these trees. */
async function admit(
  store: Store,
  name: string,
  trees: Readonly<Record<string, Tree>>,
  inputs: readonly StorePath[] = [],
): Promise<Admitted> {
  const outputs = Object.fromEntries(
    Object.keys(trees).map((output) => [output, { _tag: "ContentAddressed" }] as const),
  );
  const drv: ResolvedDerivation = plainDerivation({ name, outputs });
  const hash = drvHash(drv);
  const scratch = rightOf(await store.openScratch(name)());
  for (const [output, tree] of Object.entries(trees)) {
    writeTree(scratchFile(scratch, baseName(scratchPath(name, output))), tree);
  }
  const admission = { scratch, drv, drvHash: hash, inputs, derivers: [], seconds: 1 };
  const paths = rightOf(await store.admitOutputs(admission)());
  rightOf(await store.discardScratch(scratch)());
  const realisations = Object.fromEntries(
    Object.entries(paths).map(([output, path]) => [`drv:${hash}:${output}` as RealisationKey, path]),
  );
  return { paths, realisations };
}

const admitOne = async (
  store: Store,
  name: string,
  tree: Tree,
  inputs: readonly StorePath[] = [],
): Promise<StorePath> => (await admit(store, name, { out: tree }, inputs)).paths.out as StorePath;

/** Few files, which are synced one by one. */
const FEW: Tree = { bin: { run: "#!/bin/sh\n" }, data: "some data", link: "->data" };

/** So many files that the whole file system is synced at once; equal ones, and some that name the object itself. */
const many = (name: string, output: string, other = ""): Tree => ({
  ...Object.fromEntries(
    Array.from({ length: 10 }, (_, i) => [`d${i}`, { data: String(i).repeat(700), link: "->data" }]),
  ),
  own: `${scratchPath(name, "out")} ${scratchPath(name, output)}`,
  other,
  pages: output.repeat(2000),
});

/** Two admissions: one of few files and one of many, the second referring to the first. */
async function admitBoth(store: Store, say: (said: Said) => void): Promise<void> {
  const few = await admit(store, "few-1", { out: FEW });
  const library = few.paths.out as StorePath;
  say({ valid: [library], roots: [], realisations: few.realisations });
  const trees = { out: many("many-1", "out", library), doc: many("many-1", "doc") };
  const both = await admit(store, "many-1", trees, [library]);
  say({
    valid: [library, ...Object.values(both.paths)],
    roots: [],
    realisations: { ...few.realisations, ...both.realisations },
  });
}

const NOTHING: Given = { lasting: [], damaged: [], stream: "" };

const admitting: Operation = {
  prepare: async ({ folder }) => {
    mkdirSync(folder);
    return NOTHING;
  },
  run: (folder, _, say) => withStore(rootOf(folder), (store) => admitBoth(store, say)),
};

const importing: Operation = {
  prepare: async ({ folder, beside }) => {
    mkdirSync(folder);
    const stream = join(beside, "export");
    await withStore(join(beside, "source"), async (store) => {
      let said: Said | undefined;
      await admitBoth(store, (next) => {
        said = next;
      });
      const objects = referencesFirst(store.objects(), store.object);
      const roots = objects.map(({ path }) => path);
      const realisations = Object.entries(said?.realisations ?? {}).map(([key, path]) => ({
        key: key as RealisationKey,
        path,
      }));
      const request = { header: { roots, needs: [] }, objects, derivations: new Map(), realisations };
      const { signal } = new AbortController();
      rightOf(await store.exportTo(request, createWriteStream(stream), { signal })());
    });
    return { ...NOTHING, stream };
  },
  run: (folder, { stream }, say) =>
    withStore(rootOf(folder), async (store) => {
      const options = {
        signal: new AbortController().signal,
        trustRealisations: true,
        onHeader: () => {},
        onObject: () => {},
      };
      rightOf(await store.importFrom(createReadStream(stream), options)());
      say({ valid: store.objects(), roots: [], realisations: {} });
    }),
};

/** As the profile makes one. */
function makeGeneration(folder: string, name: string, target: string): string {
  const directory = join(rootOf(folder), "var/profiles/role");
  mkdirSync(directory, { recursive: true });
  symlinkSync(target, join(directory, name));
  return join(directory, name);
}

const objectLink = (path: StorePath): string => `../../../store/${baseName(path)}`;

const collectAll = async (store: Store): Promise<void> => {
  const options = { dryRun: false, generations: { since: undefined, keep: 1 }, now: 0, onProgress: () => {} };
  rightOf(await store.collect({ ...options, signal: new AbortController().signal })());
};

const collecting: Operation = {
  prepare: async ({ folder }) => {
    mkdirSync(folder);
    return withStore(rootOf(folder), async (store) => {
      const library = await admitOne(store, "library-1", FEW);
      const app = await admitOne(store, "app-1", { needs: library, data: "some data" }, [library]);
      const old = await admitOne(store, "old-1", { needs: library, only: "of the old one" }, [library]);
      await admitOne(store, "unneeded-1", many("unneeded-1", "out"));
      makeGeneration(folder, "role-1", objectLink(old));
      makeGeneration(folder, "role-2", objectLink(app));
      makeGeneration(folder, "current", "role-2");
      return { ...NOTHING, lasting: [app, library] };
    });
  },
  run: (folder, { lasting }, say) =>
    withStore(rootOf(folder), async (store) => {
      await collectAll(store);
      say({ valid: lasting, roots: [join(rootOf(folder), "var/profiles/role/role-2")], realisations: {} });
    }),
};

const SPOILT: Tree = { data: "bytes that a disk will spoil" };

const repairing: Operation = {
  prepare: async ({ folder }) => {
    mkdirSync(folder);
    return withStore(rootOf(folder), async (store) => {
      const missing = await admitOne(store, "missing-1", FEW);
      const needs = await admitOne(store, "needs-1", { needs: missing, data: "some data" }, [missing]);
      const modes = await admitOne(store, "modes-1", { data: "whose mode is wrong" });
      const spoilt = await admitOne(store, "spoilt-1", SPOILT);
      const file = (path: StorePath, name: string): string => join(store.physical(path), name);
      besides(file(missing, "data"), () => rmSync(file(missing, "data")));
      besides(file(missing, "data"), () => writeFileSync(file(missing, "new"), ""));
      chmodSync(file(modes, "data"), 0o600);
      flipByte(file(spoilt, "data"));
      return { ...NOTHING, lasting: [missing, needs, modes, spoilt], damaged: [missing, modes, spoilt] };
    });
  },
  run: (folder, { lasting }, say) =>
    withStore(rootOf(folder), async (store) => {
      const [signal, nothing] = [new AbortController().signal, () => {}];
      const options = { paths: undefined, contents: true, workers: 1, signal, onDamage: nothing, onProgress: nothing };
      const { damages } = rightOf(await store.verify(options)());
      const repair = store.repairing(damages);
      rightOf(await store.keep([...repair.damaged])());
      rightOf(await repair.dropPoolFiles());
      for (const path of [...repair.damaged]) {
        if (rightOf(await repair.mend(path)())) continue;
        // As a cache would give it.
        const scratch = rightOf(await store.openScratch("cached")());
        const tree = join(scratch.storeDir, "tree");
        writeTree(tree, SPOILT);
        rightOf(await repair.store.admitObject(scratch, tree, store.object(path) as ObjectInfo)());
        rightOf(await store.discardScratch(scratch)());
      }
      say({ valid: lasting, roots: [], realisations: {} });
    }),
};

const makingRoots: Operation = {
  prepare: async ({ folder }) => {
    mkdirSync(folder);
    mkdirSync(linksOf(folder));
    return withStore(rootOf(folder), async (store) => {
      const kept = await admitOne(store, "kept-1", { data: "kept" });
      await admitOne(store, "given-up-1", { data: "given up" });
      await admitOne(store, "unlinked-1", { data: "whose link the user removes" });
      return { ...NOTHING, lasting: [kept] };
    });
  },
  run: (folder, { lasting }, say) =>
    withStore(rootOf(folder), async (store) => {
      const [link, removed] = [join(linksOf(folder), "result"), join(linksOf(folder), "removed")];
      const all = store.objects();
      const named = (name: string): StorePath | undefined => all.find((path) => path.endsWith(name));
      // Done again, it finds some of them gone.
      const add = async (path: StorePath | undefined, at?: string): Promise<string | undefined> =>
        path && rightOf(await store.addRoot(path, at)())?.link;
      const tell = (valid: readonly StorePath[], ...roots: readonly (string | undefined)[]): void =>
        say({ valid, roots: roots.filter((root) => root !== undefined), realisations: {} });
      await add(lasting[0], link);
      tell(lasting, link);
      const entry = await add(named("given-up-1"));
      tell(all, link, entry);
      const users = await add(named("unlinked-1"), removed);
      tell(all, link, entry, users);
      // From here on these two may go.
      tell(all, link);
      if (entry !== undefined) rightOf(await store.removeRoot(basename(entry))());
      rmSync(removed, { force: true });
      tell(lasting, link);
      await collectAll(store);
      tell(lasting, link);
    }),
};

const rebuilding: Operation = {
  prepare: async ({ folder }) => {
    mkdirSync(folder);
    const root = rootOf(folder);
    const given = await withStore(root, async (store) => {
      const library = await admitOne(store, "library-1", FEW);
      const app = await admitOne(store, "app-1", { needs: library }, [library]);
      return { ...NOTHING, lasting: [app, library], damaged: [library] };
    });
    await spoilRecord(join(root, "var/db"), "objects", baseName(given.damaged[0] as StorePath));
    return given;
  },
  run: async (folder, { lasting }, say) => {
    const options = { signal: new AbortController().signal, onProgress: () => {} };
    const { unproven } = rightOf(await rebuildDatabase(rootOf(folder), options)());
    if (unproven.length > 0) throw new Error(`unproven: ${unproven}`);
    say({ valid: lasting, roots: [], realisations: {} });
  },
};

export const operations = {
  admit: admitting,
  import: importing,
  collect: collecting,
  repair: repairing,
  roots: makingRoots,
  rebuild: rebuilding,
} as const satisfies Readonly<Record<string, Operation>>;

export type OperationName = keyof typeof operations;
