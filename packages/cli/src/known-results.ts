/** What a store knows of results: which derivations gave which paths. Shared by the verbs that take closures elsewhere. */
import {
  type Derivation,
  type DerivationOf,
  type DrvHash,
  type ObjectInfo,
  type Realisation,
  realisationsOf,
  topological,
} from "@cab/core";
import type { Store } from "@cab/store";

/** Everything recorded of the derivations below the roots: what lets another store skip building them. */
export function knownRealisations(
  store: Store,
  roots: readonly DrvHash[],
  derivation: DerivationOf,
): readonly Realisation[] {
  return topological(roots, derivation).flatMap((hash) => recordedOutputs(store, hash, derivation(hash)));
}

/** The derivations that built these objects here, as far as they are recorded. */
export function deriversOf(store: Store, objects: readonly ObjectInfo[]): Map<DrvHash, Derivation> {
  const derivers = new Map<DrvHash, Derivation>();
  for (const { deriver } of objects) {
    const drv = deriver === null ? undefined : store.derivation(deriver as DrvHash);
    if (drv !== undefined) derivers.set(deriver as DrvHash, drv);
  }
  return derivers;
}

/** The recorded outputs of one derivation. */
export function recordedOutputs(store: Store, hash: DrvHash, drv: Derivation): Realisation[] {
  return realisationsOf(drv, hash, {}).flatMap(({ key }) => {
    const path = store.realisation(key);
    return path === undefined ? [] : [{ key, path }];
  });
}
