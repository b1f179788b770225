/** The names of store objects. Knows how a name is made and read; not where objects lie on disk. */
import { type Either, left, right } from "fp-ts/lib/Either.js";
import { BASE32_ALPHABET, toBase32 } from "./base32.ts";
import { bytesOfHex, compareUtf8 } from "./bytes.ts";
import { type HashText, sha256Hex } from "./sha256.ts";

/** The logical store directory: the same on every host, wherever the bytes lie. */
export const STORE_DIR = "/cab/store";

/** Characters of a store path's hash; 160 bits in base 32. */
export const HASH_LENGTH = 32;

/** `/cab/store/<hash>-<name>`; made by `parseStorePath` and `storePath` only. */
export type StorePath = string & { readonly _brand: "StorePath" };

export interface BadStorePath {
  readonly _tag: "BadStorePath";
  readonly text: string;
  readonly reason: string;
}

/** Longest name: with hash and a temporary suffix it must fit in a file name of 255 bytes. */
const MAX_NAME = 200;

/** Whether `name` may stand behind the hash: as in Nix, `[0-9a-zA-Z+\-._?=]`, not starting with a dot. */
export const isStoreName = (name: string): boolean =>
  name.length <= MAX_NAME && /^[0-9a-zA-Z+\-_?=][0-9a-zA-Z+\-._?=]*$/.test(name);

const HASH_PATTERN = new RegExp(`^[${BASE32_ALPHABET}]{${HASH_LENGTH}}$`);

export function parseStorePath(text: string): Either<BadStorePath, StorePath> {
  const bad = (reason: string) => left<BadStorePath, StorePath>({ _tag: "BadStorePath", text, reason });
  if (!text.startsWith(`${STORE_DIR}/`)) return bad(`expected a path below ${STORE_DIR}`);
  const base = text.slice(STORE_DIR.length + 1);
  if (!HASH_PATTERN.test(base.slice(0, HASH_LENGTH))) return bad("expected 32 characters of base 32");
  if (base[HASH_LENGTH] !== "-" || !isStoreName(base.slice(HASH_LENGTH + 1)))
    return bad("expected -<name> behind the hash");
  return right(text as StorePath);
}

/** The file name of an object in its store directory: `<hash>-<name>`. */
export const baseName = (path: StorePath): string => path.slice(STORE_DIR.length + 1);

/** The 32 characters by which the object is referred to from other objects' bytes. */
export const hashPart = (path: StorePath): string =>
  path.slice(STORE_DIR.length + 1, STORE_DIR.length + 1 + HASH_LENGTH);

/** What stands behind the hash: name, version, output. */
export const namePart = (path: StorePath): string => path.slice(STORE_DIR.length + 2 + HASH_LENGTH);

/** Bytes of a store path's hash. */
const HASH_BYTES = 20;

/** Makes a path from the hash of `fingerprint`. A name that `isStoreName` refuses is a bug of the caller. */
export function storePath(fingerprint: string, name: string, hashText: HashText = sha256Hex): StorePath {
  if (!isStoreName(name)) throw new Error(`BUG: bad store name ${JSON.stringify(name)}`);
  return `${STORE_DIR}/${toBase32(bytesOfHex(hashText(fingerprint), HASH_BYTES))}-${name}` as StorePath;
}

/** The name of one output's object: `out` carries no suffix. */
export const outputName = (name: string, output: string): string => (output === "out" ? name : `${name}-${output}`);

/**
 * The path under which an output is built. It follows from name and output alone, not from the derivation, so that a
 * changed input whose effect is nil yields the same bytes (early cutoff), and it has the final path's length.
 */
export const scratchPath = (name: string, output: string, hashText?: HashText): StorePath =>
  storePath(`cab:scratch:${name}:${output}`, outputName(name, output), hashText);

export const sortedPaths = (paths: Iterable<StorePath>): StorePath[] => [...new Set(paths)].sort(compareUtf8);
