/** A binary cache as core's port: looks up, checks, fetches. Knows nothing of where its blobs come from. */
import type { RealisationKey, StorePath, SubstituterFailure, SubstituterPort } from "@cab/core";
import { type Either, left, right } from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { errnoOf, Failed } from "../failure.ts";
import { type BlobSource, directoryBlobs } from "./blobs.ts";
import { DEFAULT_LIMITS, type FetchLimits, fetchTree } from "./fetch-tree.ts";
import { decodeObject, decodeRealisation, MAX_RECORD, objectName, realisationName } from "./layout.ts";
import { type Reject, readRecord } from "./read-blob.ts";

/**
 * What it says of realisations is taken on trust, so a cache of this kind must be one that is trusted: the engine's own
 * export, a mounted share. What it says of objects is not: their paths prove them.
 */
export function substituter(name: string, source: BlobSource, limits: FetchLimits = DEFAULT_LIMITS): SubstituterPort {
  const rejecting =
    (path: StorePath): Reject =>
    (reason) => {
      throw new Failed<SubstituterFailure>({ _tag: "SubstituteRejected", substituter: name, path, reason });
    };
  /** Before a path is known, a record that cannot be read is the place's fault. */
  const unreadable: Reject = (message) => {
    throw new Failed<SubstituterFailure>({ _tag: "SubstituterIo", substituter: name, message });
  };
  return {
    name,
    realisation: (key: RealisationKey) =>
      attempt(name, async () => {
        const bytes = await readRecord(source, realisationName(key), { most: MAX_RECORD, reject: unreadable });
        if (bytes === undefined) return undefined;
        return decodeRealisation(bytes, key) ?? unreadable(`${realisationName(key)} is no realisation of ${key}`);
      }),
    object: (path) =>
      attempt(name, async () => {
        const reject = rejecting(path);
        const bytes = await readRecord(source, objectName(path), { most: MAX_RECORD, reject });
        if (bytes === undefined) return undefined;
        return decodeObject(bytes, path) ?? reject("its record is damaged, or does not give this path");
      }),
    fetch: (info, file, onBytes) =>
      attempt(name, () => fetchTree({ source, limits, info, file, onBytes, reject: rejecting(info.path) })),
  };
}

/** A cache in a folder: a mounted share, or what `publish` wrote there. */
export const directorySubstituter = (folder: string): SubstituterPort => substituter(folder, directoryBlobs(folder));

const attempt =
  <A>(substituter: string, step: () => Promise<A>): TaskEither<SubstituterFailure, A> =>
  async (): Promise<Either<SubstituterFailure, A>> => {
    try {
      return right(await step());
    } catch (error) {
      if (error instanceof Failed) return left(error.failure as SubstituterFailure);
      if (errnoOf(error) === undefined) throw error;
      return left({ _tag: "SubstituterIo", substituter, message: (error as Error).message });
    }
  };
