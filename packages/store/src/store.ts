/**
 * Opens a store and hands out its port. Knows which part does what; does nothing itself. What only a build needs (the
 * socket, the network and process modules) is loaded when the first build claims something, so that looking up an
 * up-to-date role costs two reads of the database.
 */
import { resolve } from "node:path";
import type {
  BuildFailure,
  Derivation,
  Directory,
  DrvHash,
  StoreFailure,
  StorePath,
  StorePort,
  SubstituterFailure,
} from "@cab/core";
import { type Either, left, right } from "fp-ts/lib/Either.js";
import type { Owner } from "./add-tree.ts";
import { admitObject } from "./admit-object.ts";
import { admitOutputs } from "./admit-outputs.ts";
import { openClaims } from "./claims.ts";
import { openDatabase } from "./database.ts";
import { attempt, storeFailure } from "./failure.ts";
import { readBuffer } from "./file-bytes.ts";
import { type Layout, layoutOf, logFile, objectFile, prepareLayout } from "./layout.ts";
import type { AdmissionStep } from "./register.ts";
import { makeScratch, removeAbandoned, removeScratch } from "./scratch.ts";

export interface StoreOptions {
  /** `$CAB_ROOT`. */
  readonly root: string;
  /** Whom builders run as, when cab runs as root; null if as cab itself. */
  readonly builder: Owner | null;
  /** Called behind every step of an admission; tests end the process there. */
  readonly onStep?: (step: AdmissionStep) => void;
}

export interface Store extends StorePort {
  readonly layout: Layout;
  readonly derivation: (hash: DrvHash) => Derivation | undefined;
  /** A directory of some object, by its digest: what an object holds, without reading it. */
  readonly directory: (digest: string) => Directory | undefined;
  /** Valid objects that refer to this one. */
  readonly referrers: (path: StorePath) => StorePath[];
  /** Where the log of a derivation's build lies, if there is one. */
  readonly logFile: (drv: DrvHash) => string;
  readonly close: () => Promise<void>;
}

/** Lookups of the result throw a `StoreException`; everything else says what can go wrong in its type. */
export function openStore({ root, builder, onStep = () => {} }: StoreOptions): Either<StoreFailure, Store> {
  const layout = layoutOf(resolve(root));
  try {
    prepareLayout(layout);
    return right(makeStore(layout, builder, onStep));
  } catch (error) {
    const failure = storeFailure(error, "open the store", layout.root);
    if (failure === undefined) throw error;
    return left(failure);
  }
}

function makeStore(layout: Layout, builder: Owner | null, onStep: (step: AdmissionStep) => void): Store {
  const database = openDatabase(layout.root, layout.database);
  const claims = openClaims(layout, (action) => database.write(action));
  // Only root may give builders another uid, so objects are root's wherever builders are not the store's owner.
  const owner: Owner | null = builder === null ? null : { uid: 0, gid: 0 };
  const context = { layout, database, owner, buffer: readBuffer(), onStep };
  let scratches = 0;

  return {
    layout,
    realisation: database.realisation,
    object: database.object,
    buildSeconds: database.buildSeconds,
    derivation: database.derivation,
    directory: database.directory,
    referrers: database.referrers,
    physical: (path) => objectFile(layout, path),
    logFile: (drv) => logFile(layout, drv),
    record: (realisations) =>
      attempt("record realisations", layout.database, () =>
        database.write((writer) => {
          for (const realisation of realisations) writer.realisation(realisation);
        }),
      ),
    claim: (drv) => attempt("claim a derivation", layout.claims, () => claims.claim(drv)),
    openScratch: (name) =>
      attempt("make a scratch directory", layout.store, async () => {
        const number = ++scratches;
        const process = await claims.process();
        if (number === 1) await removeAbandoned(layout);
        return makeScratch({ layout, process, number, name, builder });
      }),
    discardScratch: (scratch) => attempt("remove a scratch directory", scratch.storeDir, () => removeScratch(scratch)),
    admitOutputs: (admission) =>
      attempt<BuildFailure, Readonly<Record<string, StorePath>>>("admit outputs", layout.store, () =>
        admitOutputs(context, admission),
      ),
    admitObject: (scratch, file, info) =>
      attempt<SubstituterFailure, typeof info>("admit an object", layout.store, () =>
        admitObject(context, scratch, file, info),
      ),
    close: async () => {
      await claims.close();
      await database.close();
    },
  };
}
