/** Realisations: the recorded fact "this derivation's output is this store path", and the key it is recorded under. */
import { type Derivation, type DrvHash, type DrvOutput, outputNames } from "./derivation.ts";
import { contentAddressedPath } from "./object.ts";
import { outputName, type StorePath } from "./store-path.ts";

/** `drv:<DrvHash>:<output>`, or `fixed:<algo>:<digest>:<mode>:<name>` for promised bytes, whatever URL they come from. */
export type RealisationKey = string & { readonly _brand: "RealisationKey" };

export interface Realisation {
  readonly key: RealisationKey;
  readonly path: StorePath;
}

export function realisationKey(drv: Derivation, hash: DrvHash, output: string): RealisationKey {
  const spec = drv.outputs[output];
  const key =
    spec?._tag === "FixedOutput"
      ? `fixed:${spec.algo}:${spec.digest}:${spec.mode}:${outputName(drv.name, output)}`
      : contentKey({ drv: hash, output });
  return key as RealisationKey;
}

/** The key of an output that is known to be content-addressed. */
export const contentKey = ({ drv, output }: DrvOutput): RealisationKey => `drv:${drv}:${output}` as RealisationKey;

/** One realisation for each output; `paths` must hold them all. */
export const realisationsOf = (
  drv: Derivation,
  hash: DrvHash,
  paths: Readonly<Record<string, StorePath>>,
): Realisation[] =>
  outputNames(drv).map((output) => ({
    key: realisationKey(drv, hash, output),
    path: paths[output] as StorePath,
  }));

/**
 * The path that a fixed output will have, where its digest decides it: a plain file or a directory without references,
 * pinned by SHA-256. Such a path needs no record. Undefined for everything else.
 */
export function predictedPath(drv: Derivation, output: string): StorePath | undefined {
  const spec = drv.outputs[output];
  if (spec?._tag !== "FixedOutput" || spec.algo !== "sha256") return undefined;
  return contentAddressedPath({
    kind: spec.mode === "flat" ? "file" : "dir",
    namingDigest: spec.digest,
    references: [],
    selfReferences: [],
    name: outputName(drv.name, output),
  });
}
