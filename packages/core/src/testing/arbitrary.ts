/**
 * Arbitrary values of what cab writes down, for properties, and what may become of their bytes on the way. Knows shapes; not
 * what is done with them.
 */
import fc from "fast-check";
import { toHex, utf8 } from "../bytes.ts";
import type { Derivation, DrvHash, OutputSpec } from "../derivation.ts";
import { type Directory, isEntryName } from "../directory.ts";
import type { ObjectInfo } from "../object.ts";
import { type StorePath, storePath } from "../store-path.ts";

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const word = fc.string({ unit: "binary", maxLength: 6 });
const hash = hex(64) as fc.Arbitrary<DrvHash>;
const source = fc.tuple(fc.nat(5), fc.constantFrom("a", "b-1")).map(([n, name]) => storePath(String(n), name));
const output = fc.constantFrom("out", "dev", "doc");

const outputSpec: fc.Arbitrary<OutputSpec> = fc.oneof(
  fc.constant<OutputSpec>({ _tag: "ContentAddressed" }),
  hex(64).map((digest): OutputSpec => ({ _tag: "FixedOutput", algo: "sha256", digest, mode: "tree" })),
  hex(128).map((digest): OutputSpec => ({ _tag: "FixedOutput", algo: "sha512", digest, mode: "flat" })),
);

export const anyDerivation: fc.Arbitrary<Derivation> = fc.record({
  name: fc.constantFrom("a", "zlib-1.3"),
  system: fc.constantFrom("x86_64-linux", "aarch64-linux"),
  builder: fc.constantFrom("/bin/sh", "builtin:fetch@1"),
  args: fc.array(word, { maxLength: 3 }),
  env: fc.dictionary(word, word, { maxKeys: 4 }),
  rootfs: fc.oneof(fc.constant(null), source, fc.record({ drv: hash, output })),
  sandbox: fc.constant("cab-sandbox@1"),
  inputDrvs: fc
    .array(fc.tuple(hash, fc.uniqueArray(output, { minLength: 1 })), { maxLength: 3 })
    .map((entries) => Object.fromEntries(entries) as Derivation["inputDrvs"]),
  inputSrcs: fc.uniqueArray(source, { maxLength: 3 }),
  outputs: fc.dictionary(output, outputSpec, { minKeys: 1 }),
});

const path: fc.Arbitrary<StorePath> = fc
  .tuple(fc.string(), fc.stringMatching(/^[a-z][a-z0-9.-]{0,199}$/))
  .map(([seed, name]) => storePath(seed, name));
export const anyObjectInfo: fc.Arbitrary<ObjectInfo> = fc.record({
  path,
  kind: fc.constantFrom("dir", "file", "exec", "symlink"),
  digest: hex(64),
  namingDigest: hex(64),
  selfDigest: fc.option(hex(64)),
  size: fc.nat(2 ** 40),
  references: fc.array(path, { maxLength: 5 }),
  deriver: fc.option(hex(64)),
});

const entryName = fc
  .oneof(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.constantFrom("a", "b", "a.b", "é", "...").map(utf8))
  .filter(isEntryName);
const anyDigest = fc.record({
  hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex),
  size: fc.oneof(fc.constant(0), fc.nat(), fc.maxSafeNat()),
});

export const anyDirectory: fc.Arbitrary<Directory> = fc
  .uniqueArray(
    fc.record({
      name: entryName,
      digest: anyDigest,
      executable: fc.boolean(),
      target: fc.uint8Array({ minLength: 1 }).filter((t) => !t.includes(0)),
      kind: fc.nat(2),
    }),
    { selector: (entry) => toHex(entry.name), maxLength: 8 },
  )
  .map((entries) => ({
    files: entries
      .filter((e) => e.kind === 0)
      .map((e) => ({ name: e.name, digest: e.digest, executable: e.executable })),
    directories: entries.filter((e) => e.kind === 1).map((e) => ({ name: e.name, digest: e.digest })),
    symlinks: entries.filter((e) => e.kind === 2).map((e) => ({ name: e.name, target: e.target })),
  }));

/** A change to bytes: some are overwritten, inserted, taken out, or all from there on. */
export interface Harm {
  readonly at: number;
  readonly count: number;
  readonly insert: Uint8Array;
}

/** `pieces`: what stands in such bytes, and may stand at the wrong place. */
export const anyHarm = (pieces: readonly Uint8Array[] = []): fc.Arbitrary<Harm> =>
  fc.record({
    at: fc.nat(),
    count: fc.oneof({ arbitrary: fc.nat(6), weight: 9 }, { arbitrary: fc.constant(2 ** 31), weight: 1 }),
    insert: fc.oneof(fc.uint8Array({ maxLength: 6 }), ...(pieces.length > 0 ? [fc.constantFrom(...pieces)] : [])),
  });

export function harmed(bytes: Uint8Array, harms: readonly Harm[]): Uint8Array {
  let result = bytes;
  for (const { at, count, insert } of harms) {
    const start = at % (result.length + 1);
    const next = new Uint8Array(start + insert.length + Math.max(0, result.length - start - count));
    next.set(result.subarray(0, start));
    next.set(insert, start);
    if (start + count < result.length) next.set(result.subarray(start + count), start + insert.length);
    result = next;
  }
  return result;
}

/** How often a property of hostile bytes is tried, and for how long that may take: `CAB_FUZZ_RUNS=1000000` for a long run. */
export function fuzzing(ordinary: number): { readonly runs: number; readonly timeout: number } {
  const runs = Number(process.env.CAB_FUZZ_RUNS ?? ordinary);
  return { runs, timeout: Math.max(30_000, 20 * runs) };
}
