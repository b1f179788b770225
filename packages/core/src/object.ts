/** The content address of a store object: how a path follows from a tree's digest, its references and its name. */
import { byteSink } from "./encoding.ts";
import { sha256Hex } from "./sha256.ts";
import { namePart, type StorePath, sortedPaths, storePath } from "./store-path.ts";

/** The type of the object's root. */
export type ObjectKind = "dir" | "file" | "exec" | "symlink";

/** Where the object's own hash stands in its bytes: the entry's path (raw, empty for the root) and a byte offset. */
export interface SelfReference {
  readonly path: Uint8Array;
  readonly offset: number;
}

export interface ContentAddress {
  readonly kind: ObjectKind;
  /** Hexadecimal SHA-256 of the tree (of a file's bytes, a symlink's target) with its own hash zeroed. */
  readonly namingDigest: string;
  /** Other objects only; the object itself appears in `selfReferences`. */
  readonly references: readonly StorePath[];
  /** Sorted by path, then offset; empty if the object does not name itself. */
  readonly selfReferences: readonly SelfReference[];
  readonly name: string;
}

/** What a self-reference's hash is replaced by while the naming digest is taken. */
export const ZERO_HASH = "0".repeat(32);

export function selfReferenceDigest(selfReferences: readonly SelfReference[]): string {
  const sink = byteSink();
  sink.list(selfReferences.length);
  for (const { path, offset } of selfReferences) {
    sink.list(2);
    sink.string(path);
    sink.string(String(offset));
  }
  return sha256Hex(sink.bytes());
}

/** DESIGN's `cab:<kind>:<digest>:<sorted refs>:<name>`. */
export function contentAddressedPath(address: ContentAddress): StorePath {
  const references: string[] = sortedPaths(address.references);
  if (address.selfReferences.length > 0) references.push(`self:${selfReferenceDigest(address.selfReferences)}`);
  return storePath(`cab:${address.kind}:${address.namingDigest}:${references.join(",")}:${address.name}`, address.name);
}

/** What the store knows of a valid object. */
export interface ObjectInfo {
  readonly path: StorePath;
  readonly kind: ObjectKind;
  /** Of the final bytes: what verifying, signing and remote execution compare. */
  readonly digest: string;
  readonly namingDigest: string;
  /** `self:` digest, or null if the object does not name itself. */
  readonly selfDigest: string | null;
  /** Sum of the sizes of its files, in bytes. */
  readonly size: number;
  /** Other objects only. Each of them is valid too. */
  readonly references: readonly StorePath[];
  /** DrvHash of the derivation that produced it here, if one did. */
  readonly deriver: string | null;
}

/**
 * Whether what a record says gives its path, as far as it can be told without the bytes: where the object names itself,
 * only they tell.
 */
export function isConsistent(info: ObjectInfo): boolean {
  if (info.selfDigest !== null) return true;
  const { path, kind, digest, namingDigest, references } = info;
  const promised = contentAddressedPath({ kind, namingDigest, references, selfReferences: [], name: namePart(path) });
  return promised === path && digest === namingDigest;
}
