/**
 * One operation of a store again and again, each time with a page or inode more to spare than the last time, until it
 * succeeds: `scarce.ts <mount> <operation> pages|inodes`. `mount` is a small file system of its own. Says on one line for each
 * attempt how it ended and what the store is afterwards, when there is room again.
 */
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import {
  type Admission,
  baseName,
  drvHash,
  type RealisationKey,
  referencesFirst,
  type StorePath,
  scratchFile,
  scratchPath,
} from "@cab/core";
import { plainDerivation } from "@cab/core/testing";
import * as E from "fp-ts/lib/Either.js";
import type { Damage } from "../examine-object.ts";
import { rebuildDatabase } from "../rebuild-database.ts";
import type { Root } from "../roots.ts";
import { openStore, type Store } from "../store.ts";
import { inDirectory } from "./damage.ts";
import { validPaths } from "./valid-paths.ts";

const [mount = "", operation = "", scarce = ""] = process.argv.slice(2);
const root = join(mount, "root");
const signal = new AbortController().signal;

/** All that a failure may not change. */
export interface StoreState {
  readonly valid: readonly StorePath[];
  readonly names: readonly string[];
  readonly pool: readonly string[];
  readonly processes: readonly string[];
  readonly claims: readonly string[];
  readonly roots: readonly Root[];
  readonly var: readonly string[];
  readonly damages: readonly Damage[];
}

export interface Attempt {
  readonly left: number;
  /** `done`, or the failure's tag and code. */
  readonly outcome: string;
  /** The last step that was reached. */
  readonly step: string;
  readonly state: StoreState;
}

function unwrap<L, A>(either: E.Either<L, A>): A {
  if (either._tag === "Left") throw new Error(JSON.stringify(either.left));
  return either.right;
}

let step = "";
const onStep = (reached: string): void => {
  step = reached;
};
const opened = (at = root): Store => unwrap(openStore({ root: at, builder: null, onStep, onCollectionStep: onStep }));

/** Takes all but so many pages, or inodes, of the file system; gives how to give them back. */
function occupy(left: number): () => void {
  if (scarce === "inodes") {
    const folder = join(mount, "filling");
    mkdirSync(folder);
    for (let n = statfsSync(mount).ffree - left; n > 0; n--) writeFileSync(join(folder, String(n)), "");
    return () => rmSync(folder, { recursive: true });
  }
  const file = join(mount, "filling");
  const descriptor = openSync(file, "w");
  const { bsize } = statfsSync(mount);
  const piece = Buffer.alloc(256 * bsize, 1);
  for (let pages = statfsSync(mount).bavail - left; pages > 0; pages = statfsSync(mount).bavail - left) {
    writeSync(descriptor, piece, 0, Math.min(pages, 256) * bsize);
  }
  closeSync(descriptor);
  return () => rmSync(file);
}

const damagesOf = async (store: Store): Promise<readonly Damage[]> => {
  const options = { paths: undefined, contents: true, workers: 1, signal, onDamage: () => {}, onProgress: () => {} };
  return unwrap(await store.verify(options)()).damages;
};

async function stateOf(): Promise<StoreState> {
  const store = opened();
  const { layout } = store;
  const state: StoreState = {
    valid: validPaths(store),
    names: readdirSync(layout.store).sort(),
    pool: readdirSync(layout.links).sort(),
    processes: readdirSync(layout.processes),
    claims: readdirSync(layout.claims),
    roots: unwrap(await store.roots()()),
    var: readdirSync(join(root, "var")).sort(),
    damages: await damagesOf(store),
  };
  await store.close();
  return state;
}

const OUTPUTS = { out: { _tag: "ContentAddressed" }, doc: { _tag: "ContentAddressed" } } as const;

/** Two outputs that refer to themselves and one to the other. */
async function built(store: Store, name: string): Promise<Admission> {
  const drv = plainDerivation({ name, outputs: OUTPUTS });
  const scratch = unwrap(await store.openScratch(name)());
  for (const output of ["out", "doc"]) {
    const directory = scratchFile(scratch, baseName(scratchPath(name, output)));
    mkdirSync(directory);
    mkdirSync(join(directory, "d"));
    for (let i = 0; i < 3; i++)
      writeFileSync(join(directory, "d", String(i)), `${output} of ${name}: ${i}`.repeat(1000));
    writeFileSync(join(directory, "self"), `${scratchPath(name, "out")} ${scratchPath(name, output)}`);
    symlinkSync(join(scratchPath(name, output), "self"), join(directory, "link"));
    chmodSync(join(directory, "d"), 0o555);
  }
  return { scratch, drv, drvHash: drvHash(drv), inputs: [], derivers: [], seconds: 1 };
}

async function admitted(store: Store, name: string): Promise<Readonly<Record<string, StorePath>>> {
  const admission = await built(store, name);
  const paths = unwrap(await store.admitOutputs(admission)());
  unwrap(await store.discardScratch(admission.scratch)());
  return paths;
}

async function exported(): Promise<Buffer> {
  const store = opened(mkdtempSync(join(tmpdir(), "cab-scarce-")));
  const roots = Object.values(await admitted(store, "exported-1"));
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  const objects = referencesFirst(roots, store.object);
  const request = { header: { roots, needs: [] }, objects, derivations: new Map(), realisations: [] };
  unwrap(await store.exportTo(request, sink, { signal })());
  await store.close();
  rmSync(store.layout.root, { recursive: true });
  return Buffer.concat(chunks);
}

/** One attempt: what comes before the shortage, and what is attempted in it. */
type Prepare = () => Promise<() => Promise<E.Either<unknown, unknown>>>;

/** With a store that is open already when room gets short. */
const within =
  (prepare: (store: Store) => Promise<() => Promise<E.Either<unknown, unknown>>>): Prepare =>
  async () => {
    const store = opened();
    const act = await prepare(store);
    return async () => {
      const result = await act();
      await store.close();
      return result;
    };
  };

const operations: Readonly<Record<string, () => Promise<Prepare>>> = {
  open: async () => async () => async () => {
    const result = openStore({ root: join(mount, "new"), builder: null });
    if (result._tag === "Right") await result.right.close();
    return result;
  },
  reopen: async () => async () => async () => {
    const result = openStore({ root, builder: null });
    if (result._tag === "Right") await result.right.close();
    return result;
  },
  admit: async () =>
    within(async (store) => {
      const admission = await built(store, "admitted-1");
      return async () => {
        const result = await store.admitOutputs(admission)();
        unwrap(await store.discardScratch(admission.scratch)());
        return result;
      };
    }),
  import: async () => {
    const stream = await exported();
    return within(async (store) => async () => {
      const options = { signal, trustRealisations: true, onHeader: () => {}, onObject: () => {} };
      return store.importFrom(Readable.from([stream]), options)();
    });
  },
  repair: async () => {
    const store = opened();
    const { out } = (await admitted(store, "damaged-1")) as { out: StorePath };
    const file = join(store.physical(out), "d", "0");
    inDirectory(join(store.physical(out), "d"), () => rmSync(file));
    await store.close();
    return within(async (store) => {
      const repairing = store.repairing(await damagesOf(store));
      return async () => {
        const mended = await repairing.mend(out)();
        return E.isRight(mended) && !mended.right ? E.left({ _tag: "NotMended" }) : mended;
      };
    });
  },
  rebuild: async () => async () => rebuildDatabase(root, { signal, onProgress: () => {} }),
  root: async () => {
    const store = opened();
    const [path = "" as StorePath] = validPaths(store);
    unwrap(await store.addRoot(path, undefined)());
    await store.close();
    return within(async (store) => store.addRoot(path, join(mount, "result")));
  },
  claim: async () =>
    within(async (store) => {
      const drv = drvHash(plainDerivation({ name: "claimed-1", outputs: OUTPUTS }));
      return store.claim(drv);
    }),
  keep: async () => within(async (store) => store.keep(validPaths(store))),
  record: async () =>
    within(async (store) => {
      const [path = "" as StorePath] = validPaths(store);
      return store.record(
        Array.from({ length: 500 }, (_, i) => ({
          key: `drv:${String(i).padStart(64, "0")}:out` as RealisationKey,
          path,
        })),
      );
    }),
  // Always with as little room as there is: what is deleted must make its own.
  collect: async () => {
    const store = opened();
    for (let i = 0; i < 30; i++) await admitted(store, `dead-${i}`);
    await store.close();
    return within(async (store) => {
      const { signal } = new AbortController();
      const options = { dryRun: false, generations: undefined, now: 0, signal, onProgress: () => {} };
      return store.collect(options);
    });
  },
};

/** Of which most attempts would end alike: where a database is made, it finds that there is room for all of it. */
const NEEDS_MANY: ReadonlySet<string> = new Set(["open", "rebuild"]);

const nameOf = (result: E.Either<unknown, unknown>): string => {
  if (result._tag === "Right") return "done";
  const { _tag, code } = result.left as { _tag: string; code?: string };
  return code === undefined ? _tag : `${_tag} ${code}`;
};

// What a store waits for keeps nobody alive by itself.
const alive = setInterval(() => {}, 2 ** 30);
mkdirSync(root);
const first = opened();
await admitted(first, "present-1");
await first.close();
const setUp = operations[operation];
if (setUp === undefined) throw new Error(`BUG: no operation ${operation}`);
const prepare = await setUp();
process.stdout.write(`${JSON.stringify(await stateOf())}\n`);
for (let left = 0; ; left += NEEDS_MANY.has(operation) ? 4 : 1) {
  step = "";
  const act = await prepare();
  const giveBack = occupy(left);
  const result = await act();
  const reached = step;
  giveBack();
  const attempt: Attempt = { left, outcome: nameOf(result), step: reached, state: await stateOf() };
  process.stdout.write(`${JSON.stringify(attempt)}\n`);
  if (result._tag === "Right") break;
  if (left > 1000) throw new Error("no room is enough");
}
clearInterval(alive);
