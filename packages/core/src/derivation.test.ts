import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Derivation,
  type DrvHash,
  decodeDerivation,
  derivationBytes,
  derivationString,
  derivationText,
  drvHash,
  neededOutputs,
  outputNames,
  placeholder,
  resolveDerivation,
} from "./derivation.ts";
import { sha256Hex } from "./sha256.ts";
import { hashPart, type StorePath, storePath } from "./store-path.ts";
import { anyDerivation } from "./testing/arbitrary.ts";
import { plainDerivation } from "./testing/plain-derivation.ts";

/** The same, with every set and map filled the other way round. */
const reversed = (drv: Derivation): Derivation => {
  const turn = <A>(record: Readonly<Record<string, A>>): Record<string, A> =>
    Object.fromEntries(Object.entries(record).reverse());
  return {
    ...drv,
    env: turn(drv.env),
    inputDrvs: turn(
      Object.fromEntries(Object.entries(drv.inputDrvs).map(([key, outputs]) => [key, outputs.toReversed()])),
    ),
    inputSrcs: drv.inputSrcs.toReversed(),
    outputs: turn(drv.outputs),
  };
};

const sorted = (drv: Derivation): unknown => ({
  ...drv,
  inputDrvs: Object.entries(drv.inputDrvs)
    .map(([key, outputs]) => [key, outputs.toSorted()])
    .sort(),
  inputSrcs: drv.inputSrcs.toSorted(),
  env: Object.entries(drv.env).sort(),
  outputs: Object.entries(drv.outputs).sort(),
});

describe("the encoding of a derivation", () => {
  test("reads back as what it was", () =>
    fc.assert(
      fc.property(anyDerivation, (drv) => {
        const decoded = decodeDerivation(derivationBytes(drv)) as Derivation;
        expect(sorted(decoded)).toEqual(sorted(drv));
        expect(drvHash(decoded)).toBe(drvHash(drv));
        expect(sha256Hex(derivationString(drv))).toBe(drvHash(drv));
      }),
    ));

  test("does not depend on the order in which anything was added", () =>
    fc.assert(
      fc.property(anyDerivation, (drv) => {
        expect(drvHash(reversed(drv))).toBe(drvHash(drv));
        expect(derivationText(reversed(drv))).toBe(derivationText(drv));
      }),
    ));

  test("differs where anything differs", () =>
    fc.assert(
      fc.property(anyDerivation, anyDerivation, (a, b) => {
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(drvHash(a) === drvHash(b)).toBe(same);
        expect(derivationText(a) === derivationText(b)).toBe(same);
      }),
    ));

  test("covers every field", () =>
    fc.assert(
      fc.property(anyDerivation, anyDerivation, (a, b) => {
        for (const field of Object.keys(a) as (keyof Derivation)[]) {
          const mixed = { ...a, [field]: b[field] };
          const same = JSON.stringify(sorted(mixed)) === JSON.stringify(sorted(a));
          expect(drvHash(mixed) === drvHash(a)).toBe(same);
        }
      }),
    ));

  const base: Derivation = plainDerivation({ name: "a" });

  const digest = "0".repeat(64);
  test.each<[string, Partial<Record<keyof Derivation, unknown>>]>([
    ["another system", { system: "riscv64-linux" }],
    ["a name that is none", { name: "a/b" }],
    ["an output that cannot be part of a name", { outputs: { "a b": { _tag: "ContentAddressed" } } }],
    ["a root file system that is no path", { rootfs: "/" }],
    ["an input that is no hash", { inputDrvs: { abc: ["out"] } }],
    ["a source that is no path", { inputSrcs: ["/etc/passwd"] }],
    ["an unknown algorithm", { outputs: { out: { _tag: "FixedOutput", algo: "md5", digest, mode: "flat" } } }],
    ["an unknown mode", { outputs: { out: { _tag: "FixedOutput", algo: "sha256", digest, mode: "nar" } } }],
    ["a digest of another length", { outputs: { out: { _tag: "FixedOutput", algo: "sha512", digest, mode: "flat" } } }],
    [
      "a tree that is not promised by SHA-256",
      { outputs: { out: { _tag: "FixedOutput", algo: "sha512", digest: digest + digest, mode: "tree" } } },
    ],
  ])("is refused with %s", (_, wrong) => {
    expect(decodeDerivation(derivationBytes(base))).toEqual(base);
    expect(decodeDerivation(derivationBytes({ ...base, ...wrong } as Derivation))).toBeUndefined();
  });

  test("is refused with inputs out of order or twice", () => {
    const [a, b] = [storePath("a", "x"), storePath("b", "x")].sort() as [StorePath, StorePath];
    const text = Buffer.from(derivationBytes({ ...base, inputSrcs: [b, a, b] })).toString();
    expect(decodeDerivation(Buffer.from(text))?.inputSrcs).toEqual([a, b]);
    expect(decodeDerivation(Buffer.from(text.replace(a, "?").replace(b, a).replace("?", b)))).toBeUndefined();
    expect(decodeDerivation(Buffer.from(text.replace(b, a)))).toBeUndefined();
    const outputs = { [digest as DrvHash]: ["out", "dev", "out"] };
    const needs = Buffer.from(derivationBytes({ ...base, inputDrvs: outputs })).toString();
    expect(decodeDerivation(Buffer.from(needs))?.inputDrvs).toEqual({ [digest]: ["dev", "out"] });
    expect(decodeDerivation(Buffer.from(needs.replace("3:dev3:out", "3:out3:dev")))).toBeUndefined();
  });

  test("has a text that a person can read and compare", () => {
    const text = derivationText({
      ...base,
      name: "zlib-1.3",
      args: ["-c", "make\nmake install"],
      env: { out: storePath("x", "zlib-1.3"), CC: "gcc" },
      rootfs: { drv: digest as DrvHash, output: "out" },
      outputs: {
        out: { _tag: "ContentAddressed" },
        src: { _tag: "FixedOutput", algo: "sha256", digest, mode: "flat" },
      },
    });
    expect(text).toBe(`
  format: "cab-derivation@1"
  name: "zlib-1.3"
  system: "x86_64-linux"
  builder: "/bin/sh"
  args:
    "-c"
    "make\\nmake install"
  env:
    "CC" = "gcc"
    "out" = "${storePath("x", "zlib-1.3")}"
  rootfs:
    "${digest}"
    "out"
  sandbox: "cab-sandbox@1"
  inputDrvs: {}
  inputSrcs: []
  outputs:
    "out" = null
    "src" =
      "sha256"
      "${digest}"
      "flat"
`);
  });
});

describe("resolving", () => {
  const zlib = "1".repeat(64) as DrvHash;
  const seed = "2".repeat(64) as DrvHash;
  const names: Record<DrvHash, string> = { [zlib]: "zlib", [seed]: "seed" };
  const final = ({ drv, output: name }: { drv: DrvHash; output: string }): StorePath =>
    storePath(`final ${drv} ${name}`, name === "out" ? (names[drv] as string) : `${names[drv]}-${name}`);
  const inputs = { name: (drv: DrvHash) => names[drv] as string, path: final };

  const drv: Derivation = {
    name: "app",
    system: "x86_64-linux",
    builder: "/bin/sh",
    args: [`-L${placeholder(zlib, "out", "zlib")}/lib:${placeholder(zlib, "dev", "zlib")}/include`],
    env: Object.fromEntries([
      ["__proto__", placeholder(zlib, "out", "zlib")],
      ["other", placeholder(seed, "out", "seed")],
    ]),
    rootfs: { drv: seed, output: "out" },
    sandbox: "cab-sandbox@1",
    inputDrvs: { [zlib]: ["out", "dev"] },
    inputSrcs: [storePath("source", "patch")],
    outputs: { out: { _tag: "ContentAddressed" } },
  };

  test("replaces what stands for declared inputs by their paths, and nothing else", () => {
    const [out, dev] = [final({ drv: zlib, output: "out" }), final({ drv: zlib, output: "dev" })];
    expect(resolveDerivation(drv, inputs)).toEqual({
      ...drv,
      args: [`-L${out}/lib:${dev}/include`],
      env: Object.fromEntries([
        ["__proto__", out],
        ["other", placeholder(seed, "out", "seed")],
      ]),
      rootfs: final({ drv: seed, output: "out" }),
      inputDrvs: {},
      inputSrcs: [out, dev, storePath("source", "patch")].sort(),
    });
  });

  test("changes no length", () => {
    const resolved = resolveDerivation(drv, inputs);
    expect(resolved.args.map((arg) => arg.length)).toEqual(drv.args.map((arg) => arg.length));
  });

  test("of what is resolved changes nothing", () => {
    const resolved = resolveDerivation(drv, inputs);
    expect(drvHash(resolveDerivation(resolved, inputs))).toBe(drvHash(resolved));
    expect(neededOutputs(resolved)).toEqual([]);
  });

  test("needs the inputs and the root file system", () => {
    expect(neededOutputs(drv)).toEqual([
      { drv: zlib, output: "out" },
      { drv: zlib, output: "dev" },
      { drv: seed, output: "out" },
    ]);
  });

  test("leaves text alone that only looks like a path in the store", () =>
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{0,80}$/), (text) => {
        const near = `/cab/store/${text} ${hashPart(placeholder(zlib, "out", "zlib"))}-zlib`;
        expect(resolveDerivation({ ...drv, args: [near] }, inputs).args).toEqual([near]);
      }),
    ));
});

test("outputs are listed in the order of their bytes", () => {
  const outputs = Object.fromEntries(
    ["out", "dev", "Doc"].map((name) => [name, { _tag: "ContentAddressed" as const }]),
  );
  expect(outputNames({ outputs } as unknown as Derivation)).toEqual(["Doc", "dev", "out"]);
});
