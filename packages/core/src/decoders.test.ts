/**
 * Every decoder of bytes that may come from anywhere: it throws nothing, gives back what was encoded, and takes nothing that
 * its encoder would not have written, so that a hash or a comparison of bytes is one of values.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex, utf8 } from "./bytes.ts";
import { decodeDerivation, derivationBytes } from "./derivation.ts";
import { decodeDirectory, encodeDirectory, subdirectories } from "./directory.ts";
import { decode } from "./encoding.ts";
import {
  decodeExportedRealisation,
  decodeExportHeader,
  type ExportHeader,
  encodeExportedRealisation,
  encodeExportHeader,
} from "./export/format.ts";
import { decodeObjectInfo, encodeObjectInfo, skimObjectRecord } from "./object-record.ts";
import type { Realisation, RealisationKey } from "./realisation.ts";
import type { StorePath } from "./store-path.ts";
import {
  anyDerivation,
  anyDirectory,
  anyHarm,
  anyObjectInfo,
  fuzzing,
  type Harm,
  harmed,
} from "./testing/arbitrary.ts";

const { runs, timeout } = fuzzing(6_000);

/** Making values takes longer than reading them, so each is harmed in several ways. */
const WAYS = 20;

const PIECES = [
  "l9999999999:",
  "m1:",
  "n",
  "1:a",
  "64:",
  "sha256",
  "/cab/store/",
  "../..",
  "\0",
  "\n",
  ":",
  "-1",
  "1e9",
  "01",
].map(utf8);
const ways = fc.array(fc.array(anyHarm(PIECES), { minLength: 1, maxLength: 3 }), { minLength: WAYS, maxLength: WAYS });
const noise = fc.array(
  fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map(joined)),
  { minLength: WAYS, maxLength: WAYS },
);

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

interface Decoder {
  /** Bytes that it must take, and give back as they are. */
  readonly valid: fc.Arbitrary<Uint8Array>;
  /** What it makes of any bytes, encoded again; undefined if it refuses them. */
  readonly rewritten: (bytes: Uint8Array) => Uint8Array | undefined;
}

const reading =
  <A>(decoder: (bytes: Uint8Array) => A | undefined, encoder: (value: A) => Uint8Array): Decoder["rewritten"] =>
  (bytes) => {
    const decoded = decoder(bytes);
    return decoded === undefined ? undefined : encoder(decoded);
  };

/** The path that a record says it is of, which its reader asks for. */
function pathIn(bytes: Uint8Array): StorePath {
  const fields = decode(bytes);
  return (Array.isArray(fields) ? fields[1] : "") as StorePath;
}

const anyPath = anyObjectInfo.map(({ path }) => path);
const anyPaths = fc.uniqueArray(anyPath, { maxLength: 4 });
const anyHeader: fc.Arbitrary<ExportHeader> = fc.record({
  roots: anyPaths,
  needs: anyPaths,
  objects: fc.nat(2 ** 20),
  bytes: fc.maxSafeNat(),
  knowledge: fc.maxSafeNat(),
});
const anyRealisation: fc.Arbitrary<Realisation> = fc
  .tuple(fc.stringMatching(/^[0-9a-f]{64}$/), fc.constantFrom("out", "dev"), anyPath)
  .map(([drv, output, path]) => ({ key: `drv:${drv}:${output}` as RealisationKey, path }));

const decoders: Readonly<Record<string, Decoder>> = {
  "a directory": { valid: anyDirectory.map(encodeDirectory), rewritten: reading(decodeDirectory, encodeDirectory) },
  "a derivation": { valid: anyDerivation.map(derivationBytes), rewritten: reading(decodeDerivation, derivationBytes) },
  "an object's record": {
    valid: anyObjectInfo.map(encodeObjectInfo),
    rewritten: reading((bytes) => decodeObjectInfo(bytes, pathIn(bytes)), encodeObjectInfo),
  },
  "an export's header": {
    valid: anyHeader.map(encodeExportHeader),
    rewritten: reading(decodeExportHeader, encodeExportHeader),
  },
  "an exported realisation": {
    valid: anyRealisation.map(encodeExportedRealisation),
    rewritten: reading(decodeExportedRealisation, encodeExportedRealisation),
  },
};

/** `expect` costs more than a decoder. */
function requireSame(found: Uint8Array | undefined, bytes: Uint8Array): void {
  if (found === undefined || Buffer.compare(found, bytes) === 0) return;
  expect(toHex(found)).toBe(toHex(bytes));
}

describe.each(Object.entries(decoders))("%s", (_, { valid, rewritten }) => {
  test("is read as it was written", () =>
    fc.assert(
      fc.property(valid, (bytes) => {
        expect(toHex(rewritten(bytes) ?? utf8("refused"))).toBe(toHex(bytes));
      }),
    ));

  test(
    "is not read from bytes that would be written otherwise, whatever was done to them",
    () =>
      fc.assert(
        fc.property(valid, ways, (bytes, all: readonly (readonly Harm[])[]) => {
          for (const harms of all) {
            const changed = harmed(bytes, harms);
            requireSame(rewritten(changed), changed);
          }
        }),
        { numRuns: Math.ceil(runs / WAYS) },
      ),
    timeout,
  );

  test(
    "is not read from noise",
    () =>
      fc.assert(
        fc.property(noise, (all) => {
          for (const bytes of all) requireSame(rewritten(bytes), bytes);
        }),
        { numRuns: Math.ceil(runs / WAYS) },
      ),
    timeout,
  );
});

test(
  "what is only skimmed ends too, and lies within the bytes",
  () =>
    fc.assert(
      fc.property(
        fc.oneof(
          decoders["an object's record"]?.valid ?? fc.uint8Array(),
          decoders["a directory"]?.valid ?? fc.uint8Array(),
        ),
        ways,
        (bytes, all) => {
          for (const harms of all) {
            const changed = harmed(bytes, harms);
            const skim = skimObjectRecord(changed);
            if (skim !== undefined) {
              const offsets = [skim.hash, skim.digest, skim.deriver ?? 0, ...skim.references];
              if (offsets.some((at) => !Number.isInteger(at) || at < 0)) expect(offsets).toEqual([]);
            }
            for (const digest of subdirectories(changed) ?? [])
              if (!/^[0-9a-f]{64}$/.test(digest)) expect(digest).toBe("");
          }
        },
      ),
      { numRuns: Math.ceil(runs / WAYS) },
    ),
  timeout,
);
