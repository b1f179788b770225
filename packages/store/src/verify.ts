/**
 * Verifies the store: that every valid object is there as the database says, that the pool holds what its names promise,
 * and that nothing lies between the objects that is not the store's. Knows what to look at; `examine-object.ts` how.
 */
import { lstatSync, opendirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { STORE_DIR, type StorePath, storePathOf } from "@cab/core";
import { byPlace, type Damage, type ExamineContext, examineObject } from "./examine-object.ts";
import { createFileHasher, type FileHasher } from "./hash-files.ts";
import type { Layout } from "./layout.ts";
import { isTemporary } from "./scratch.ts";

export interface VerifyOptions {
  /** Undefined: every object, the pool, and what lies beside them. */
  readonly paths: readonly StorePath[] | undefined;
  /** Whether to read every file. */
  readonly contents: boolean;
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly onDamage: (damage: Damage) => void;
  readonly onProgress: (done: number, of: number, bytes: number) => void;
}

export interface Verified {
  readonly objects: number;
  /** Bytes that were read. */
  readonly bytes: number;
  readonly damages: readonly Damage[];
}

/** Objects that are looked at while files of others are being read. */
const WINDOW = 64;

export interface VerifyContext extends Omit<ExamineContext, "hasher"> {
  /** Keeps a valid object from being collected from now on; false if it is not valid. */
  readonly keep: (path: StorePath) => Promise<boolean>;
}

export async function verify(
  context: VerifyContext,
  { paths, contents, workers, signal, onDamage, onProgress }: VerifyOptions,
): Promise<Verified> {
  const { layout, database } = context;
  const hasher = contents ? createFileHasher(workers) : undefined;
  const all = paths ?? [...database.tables.objects()].map(({ key }) => `${STORE_DIR}/${key}` as StorePath);
  const damages: Damage[] = [];
  const report = (found: readonly Damage[]): void => {
    for (const damage of [...found].sort(byPlace)) {
      damages.push(damage);
      onDamage(damage);
    }
  };
  let done = 0;
  const examine = async (path: StorePath): Promise<void> => {
    const info = database.object(path);
    const found = info === undefined ? [] : await examineObject({ ...context, hasher }, info);
    // What was collected meanwhile, and perhaps made again, was not damaged: a second look, while nobody can collect it.
    if (found.length > 0 && (await context.keep(path))) {
      const current = database.object(path);
      report(current === undefined ? [] : await examineObject({ ...context, hasher }, current));
    }
    onProgress(++done, all.length, hasher?.bytes() ?? 0);
  };
  try {
    for (let at = 0; at < all.length && !signal.aborted; at += WINDOW) {
      await Promise.all(all.slice(at, at + WINDOW).map(examine));
    }
    if (paths === undefined && !signal.aborted) {
      report(foreignNames(layout));
      if (hasher !== undefined) report(await damagedPoolFiles(layout, hasher, signal));
    }
    return { objects: done, bytes: hasher?.bytes() ?? 0, damages };
  } finally {
    await hasher?.close();
  }
}

/** What is neither an object's name, registered or not, nor a temporary one, nor the pool. */
const foreignNames = (layout: Layout): Damage[] =>
  readdirSync(layout.store).flatMap((name) =>
    name === ".links" || isTemporary(name) || storePathOf(`${STORE_DIR}/${name}`) !== undefined
      ? []
      : [
          {
            path: null,
            file: `store/${name}`,
            expected: "nothing",
            found: "a name that is not the store's",
            kind: "content",
          },
        ],
  );

const POOL_NAME = /^([0-9a-f]{64})(\.x)?$/;

/** Files of the pool whose bytes are not what their names say: they would spoil objects yet to come. */
async function damagedPoolFiles(layout: Layout, hasher: FileHasher, signal: AbortSignal): Promise<Damage[]> {
  const damages: Damage[] = [];
  const directory = opendirSync(layout.links);
  try {
    let reading: Promise<void>[] = [];
    for (let entry = directory.readSync(); entry !== null && !signal.aborted; entry = directory.readSync()) {
      reading.push(examinePoolFile(layout, entry.name, { hasher, damages }));
      if (reading.length < WINDOW) continue;
      await Promise.all(reading);
      reading = [];
    }
    await Promise.all(reading);
  } finally {
    directory.closeSync();
  }
  return damages;
}

async function examinePoolFile(
  layout: Layout,
  name: string,
  { hasher, damages }: { readonly hasher: FileHasher; readonly damages: Damage[] },
): Promise<void> {
  const file = join(layout.links, name);
  const stat = lstatSync(file, { throwIfNoEntry: false });
  const digest = POOL_NAME.exec(name)?.[1];
  if (stat === undefined) return;
  const found = digest === undefined || !stat.isFile() ? undefined : await hasher.digest(Buffer.from(file), stat);
  if (found !== undefined && "digest" in found && found.digest === digest) return;
  // A collector has removed it.
  if (found !== undefined && "unreadable" in found && found.unreadable === "ENOENT") return;
  damages.push({
    path: null,
    file: `store/.links/${name}`,
    expected: digest === undefined ? "nothing" : `SHA-256 ${digest}`,
    found:
      found === undefined
        ? "a name that is not the pool's"
        : "digest" in found
          ? `SHA-256 ${found.digest}`
          : `a file that cannot be read (${found.unreadable})`,
    kind: "content",
  });
}
