/**
 * Keeps what a run relies on from a collector that works beside it. Knows which objects were found here; not why they
 * were wanted.
 *
 * A run that finds everything up to date keeps nothing: it ends as if it had ended before any collection. One that has
 * something to do says so first, by `begin`. Until then only roots were looked at; what of them was collected before
 * `begin` could keep it is lost, and has to be wanted again.
 */
import * as E from "fp-ts/lib/Either.js";
import type { StoreFailure } from "../failure.ts";
import type { StorePort } from "../ports.ts";
import type { StorePath } from "../store-path.ts";

export interface Keeper {
  /** Keeps what the run has relied on so far, and everything that it will. */
  readonly begin: () => Promise<E.Either<StoreFailure, void>>;
  /** Whether the object is valid: if the run has begun, from now on until the store is closed. */
  readonly holds: (path: StorePath) => Promise<E.Either<StoreFailure, boolean>>;
  /** Whether something that the run relied on was gone when it began. */
  readonly hasLost: () => boolean;
}

export function createKeeper(store: Pick<StorePort, "object" | "keep">): Keeper {
  const relied = new Set<StorePath>();
  let lost = false;
  let begun: Promise<E.Either<StoreFailure, void>> | undefined;

  const keepRelied = async (): Promise<E.Either<StoreFailure, void>> => {
    if (relied.size === 0) return E.right(undefined);
    const gone = await store.keep([...relied])();
    if (gone._tag === "Left") return gone;
    lost = gone.right.length > 0;
    return E.right(undefined);
  };

  return {
    begin: () => {
      begun ??= keepRelied();
      return begun;
    },
    holds: async (path) => {
      if (store.object(path) === undefined) return E.right(false);
      if (begun === undefined) {
        relied.add(path);
        return E.right(true);
      }
      return E.map((gone: readonly StorePath[]) => gone.length === 0)(await store.keep([path])());
    },
    hasLost: () => lost,
  };
}
