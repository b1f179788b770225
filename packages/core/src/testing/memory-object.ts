/**
 * Store objects whose content is one string: how built text is checked, scanned, named and rewritten. The real store does
 * the same to trees of files; here it fits on a page. A fixed output in mode `tree` is taken for a directory whose
 * message is the content.
 */
import { sha512 } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "../bytes.ts";
import { type OutputSpec, outputNames, type ResolvedDerivation } from "../derivation.ts";
import type { BuildFailure } from "../failure.ts";
import {
  contentAddressedPath,
  type ObjectInfo,
  type SelfReference,
  selfReferenceDigest,
  ZERO_HASH,
} from "../object.ts";
import { sha256Hex } from "../sha256.ts";
import { hashPart, namePart, outputName, type StorePath, scratchPath, sortedPaths } from "../store-path.ts";

export interface MemoryObject {
  readonly info: ObjectInfo;
  readonly content: string;
}

/** The digest that a fixed output of this content must promise. */
export const fixedDigest = (algo: "sha256" | "sha512", content: string): string =>
  algo === "sha256" ? sha256Hex(content) : toHex(sha512(utf8(content)));

/**
 * Names all outputs of one build, each after the siblings that it refers to. `inputs` is what they may refer to besides.
 * Left as data: a missing output, a broken promise, a circle of outputs.
 */
export function nameOutputs(
  drv: ResolvedDerivation,
  contents: Readonly<Record<string, string | undefined>>,
  inputs: readonly StorePath[],
): ReadonlyMap<string, MemoryObject> | BuildFailure {
  const missing = outputNames(drv).filter((output) => contents[output] === undefined);
  if (missing.length > 0) return { _tag: "OutputMissing", outputs: missing };
  const objects = new Map<string, MemoryObject>();
  const pending = new Map(outputNames(drv).map((output) => [output, contents[output] as string]));
  while (pending.size > 0) {
    const scratchOf = (output: string): string => hashPart(scratchPath(drv.name, output));
    const ready = [...pending].find(([output, content]) =>
      [...pending.keys()].every((other) => other === output || !content.includes(scratchOf(other))),
    );
    if (ready === undefined) return { _tag: "OutputCycle", cycle: [...pending.keys()] };
    const [output, content] = ready;
    const siblings = [...objects.values()].map((object) => object.info.path);
    const object = nameContent({
      name: outputName(drv.name, output),
      kind: kindOf(drv.outputs[output]),
      content,
      ownHash: scratchOf(output),
      mayReferTo: [...inputs, ...siblings],
    });
    const broken = brokenPromise(drv.outputs[output], content);
    if (broken !== undefined) return broken;
    pending.delete(output);
    for (const [other, text] of pending) {
      pending.set(other, text.replaceAll(scratchOf(output), hashPart(object.info.path)));
    }
    objects.set(output, object);
  }
  return objects;
}

/** The object that `content` is once the hash which it was made under is replaced by its own. */
export function nameContent(of: {
  readonly name: string;
  readonly kind: ObjectInfo["kind"];
  readonly content: string;
  readonly ownHash: string;
  readonly mayReferTo: Iterable<StorePath>;
}): MemoryObject {
  const { name, kind, content, ownHash } = of;
  const selfReferences: SelfReference[] = [];
  for (let at = content.indexOf(ownHash); at !== -1; at = content.indexOf(ownHash, at + 1)) {
    selfReferences.push({ path: new Uint8Array(), offset: at });
  }
  const namingDigest = sha256Hex(content.replaceAll(ownHash, ZERO_HASH));
  const references = sortedPaths(of.mayReferTo).filter((path) => content.includes(hashPart(path)));
  const path = contentAddressedPath({ kind, namingDigest, references, selfReferences, name });
  const final = content.replaceAll(ownHash, hashPart(path));
  const info: ObjectInfo = {
    path,
    kind,
    digest: sha256Hex(final),
    namingDigest,
    selfDigest: selfReferences.length > 0 ? selfReferenceDigest(selfReferences) : null,
    size: utf8(final).length,
    references,
    deriver: null,
  };
  return { info, content: final };
}

/** Whether bytes from elsewhere are the object that `info` says they are. */
export function isObject(info: ObjectInfo, content: string): boolean {
  const ownHash = hashPart(info.path);
  const named = nameContent({
    name: namePart(info.path),
    kind: info.kind,
    content,
    ownHash,
    mayReferTo: info.references.filter((reference) => reference !== info.path),
  });
  return named.info.path === info.path;
}

export function closureOf(
  paths: readonly StorePath[],
  objects: ReadonlyMap<StorePath, Pick<MemoryObject, "info">>,
): StorePath[] {
  const reached = new Set(paths);
  for (const path of reached) for (const reference of objects.get(path)?.info.references ?? []) reached.add(reference);
  return sortedPaths(reached);
}

const kindOf = (spec: OutputSpec | undefined): ObjectInfo["kind"] =>
  spec?._tag === "FixedOutput" && spec.mode === "tree" ? "dir" : "file";

function brokenPromise(spec: OutputSpec | undefined, content: string): BuildFailure | undefined {
  if (spec?._tag !== "FixedOutput") return undefined;
  const { algo, digest: expected } = spec;
  const actual = fixedDigest(algo, content);
  if (actual === expected) return undefined;
  return { _tag: "DigestMismatch", url: "", algo, expected, actual, bytes: utf8(content).length };
}
