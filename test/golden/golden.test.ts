/**
 * Pinned hashes: what every store and cache in use was written with. If one of these changes, every user rebuilds
 * everything. So a changed value in `*.json` needs a line in CHANGELOG.md: "rebuilds everything because …".
 */
import { readFileSync } from "node:fs";
import {
  type ContentAddress,
  contentAddressedPath,
  type Derivation,
  type DrvHash,
  decodeDerivation,
  derivationBytes,
  drvHash,
  encodeDirectory,
  fromHex,
  outputNames,
  placeholder,
  predictedPath,
  scratchPath,
  sha256Hex,
  toHex,
  utf8,
} from "@cab/core";
import { describe, expect, test } from "vitest";

const golden = <A>(file: string): readonly A[] =>
  (JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")) as { readonly vectors: readonly A[] }).vectors;

interface DerivationVector {
  readonly about: string;
  readonly derivation: Derivation;
  /** The canonical encoding, as UTF-8. */
  readonly bytes: string;
  readonly drvHash: DrvHash;
  readonly scratch: Readonly<Record<string, string>>;
  readonly placeholders: Readonly<Record<string, string>>;
  /** Of a fixed output, where the digest decides its path. */
  readonly predicted: Readonly<Record<string, string>>;
}

describe.each(golden<DerivationVector>("derivations.json"))("derivation: $about", (vector) => {
  const { derivation } = vector;
  const perOutput = (path: (output: string) => string | undefined): Record<string, string> =>
    Object.fromEntries(outputNames(derivation).flatMap((output) => [[output, path(output)]].filter(([, p]) => p)));

  test("encodes to these bytes, with this hash", () => {
    expect(Buffer.from(derivationBytes(derivation)).toString("utf8")).toBe(vector.bytes);
    expect(drvHash(derivation)).toBe(vector.drvHash);
    expect(sha256Hex(vector.bytes)).toBe(vector.drvHash);
  });

  test("is read from these bytes", () => {
    expect(decodeDerivation(Buffer.from(vector.bytes))).toEqual(derivation);
  });

  test("is built at, stood for by and predicted at these paths", () => {
    expect(perOutput((output) => scratchPath(derivation.name, output))).toEqual(vector.scratch);
    expect(perOutput((output) => placeholder(vector.drvHash, output, derivation.name))).toEqual(vector.placeholders);
    expect(perOutput((output) => predictedPath(derivation, output))).toEqual(vector.predicted);
  });
});

type PathVector = Omit<ContentAddress, "selfReferences"> & {
  readonly about: string;
  readonly selfReferences: readonly { readonly path: string; readonly offset: number }[];
  readonly storePath: string;
};

test.each(golden<PathVector>("store-paths.json"))("store path: $about", ({ selfReferences, storePath, ...address }) => {
  const raw = selfReferences.map(({ path, offset }) => ({ path: utf8(path), offset }));
  expect(contentAddressedPath({ ...address, selfReferences: raw })).toBe(storePath);
});

interface DirectoryVector {
  readonly about: string;
  readonly files: readonly { name: string; hash: string; size: number; executable: boolean }[];
  readonly directories: readonly { name: string; hash: string; size: number }[];
  readonly symlinks: readonly { name: string; target: string }[];
  /** Hexadecimal. */
  readonly message: string;
  readonly digest: string;
}

test.each(golden<DirectoryVector>("directories.json"))("directory: $about", (vector) => {
  const message = encodeDirectory({
    files: vector.files.map(({ name, hash, size, executable }) => ({
      name: utf8(name),
      digest: { hash, size },
      executable,
    })),
    directories: vector.directories.map(({ name, hash, size }) => ({ name: utf8(name), digest: { hash, size } })),
    symlinks: vector.symlinks.map(({ name, target }) => ({ name: utf8(name), target: utf8(target) })),
  });
  expect(toHex(message)).toBe(vector.message);
  expect(sha256Hex(fromHex(vector.message) as Uint8Array)).toBe(vector.digest);
});
