/** What packages become, read back from the encodings that are hashed. */
import { utf8 } from "../bytes.ts";
import { type Derivation, type DrvHash, decodeDerivation } from "../derivation.ts";
import { type InstantiateHost, instantiate } from "../recipe/instantiate.ts";
import type { AnyPackage } from "../recipe/package.ts";

export interface InstantiatedDerivations {
  readonly roots: readonly DrvHash[];
  readonly derivations: ReadonlyMap<DrvHash, Derivation>;
}

export function instantiated(roots: readonly AnyPackage[], host: InstantiateHost): InstantiatedDerivations {
  const { roots: hashes, encodings } = instantiate(roots, host);
  const read = ([hash, encoding]: [DrvHash, string]) => [hash, decodeDerivation(utf8(encoding)) as Derivation] as const;
  return { roots: hashes, derivations: new Map([...encodings].map(read)) };
}
