/** Realisations: the recorded fact "this derivation's output is this store path", and the key it is recorded under. */
import { fromHex } from "./bytes.ts";
import {
  type Derivation,
  type DigestAlgorithm,
  type DrvHash,
  type DrvOutput,
  isDrvHash,
  outputNames,
} from "./derivation.ts";
import { contentAddressedPath } from "./object.ts";
import { isStoreName, outputName, type StorePath } from "./store-path.ts";

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

/** What a key says; undefined for a text that is none. */
export type KeyParts =
  | { readonly _tag: "Content"; readonly drv: DrvHash; readonly output: string }
  | {
      readonly _tag: "Fixed";
      readonly algo: DigestAlgorithm;
      readonly digest: string;
      readonly mode: "flat" | "tree";
      readonly name: string;
    };

const DIGEST_BYTES: Readonly<Record<DigestAlgorithm, number>> = { sha256: 32, sha512: 64 };

export function keyParts(text: string): KeyParts | undefined {
  const [kind, first = "", second = "", third = "", fourth = "", ...rest] = text.split(":");
  if (kind === "drv" && text.split(":").length === 3) {
    return isDrvHash(first) && isStoreName(second) ? { _tag: "Content", drv: first, output: second } : undefined;
  }
  if (kind !== "fixed" || rest.length > 0 || !isStoreName(fourth)) return undefined;
  if (first !== "sha256" && first !== "sha512") return undefined;
  if (third !== "flat" && (third !== "tree" || first !== "sha256")) return undefined;
  if (fromHex(second)?.length !== DIGEST_BYTES[first]) return undefined;
  return { _tag: "Fixed", algo: first, digest: second, mode: third, name: fourth };
}

export const isRealisationKey = (text: string): text is RealisationKey => keyParts(text) !== undefined;

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
