/** Derivations: the fully explicit, hashed description of one build, its canonical encoding and its resolution. */
import { binaryString, compareUtf8, fromHex } from "./bytes.ts";
import {
  byteSink,
  type Decoded,
  decodeBinary,
  decodedList,
  decodedMap,
  decodedString,
  decodedStrings,
  encodeMap,
  encodeStrings,
  type Sink,
  stringSink,
  textSink,
} from "./encoding.ts";
import type { System } from "./platform.ts";
import { isSystem } from "./platform.ts";
import { type HashText, sha256Hex } from "./sha256.ts";
import {
  HASH_LENGTH,
  hashPart,
  isStoreName,
  outputName,
  parseStorePath,
  STORE_DIR,
  type StorePath,
  sortedPaths,
  storePath,
} from "./store-path.ts";

/** Hexadecimal SHA-256 of a derivation's canonical encoding. */
export type DrvHash = string & { readonly _brand: "DrvHash" };

export const isDrvHash = (text: string): text is DrvHash => /^[0-9a-f]{64}$/.test(text);

/** One output of one derivation. */
export interface DrvOutput {
  readonly drv: DrvHash;
  readonly output: string;
}

export type DigestAlgorithm = "sha256" | "sha512";

/** `ContentAddressed`: the path follows from the bytes. `FixedOutput`: the bytes were promised in advance by a digest. */
export type OutputSpec =
  | { readonly _tag: "ContentAddressed" }
  | {
      readonly _tag: "FixedOutput";
      readonly algo: DigestAlgorithm;
      /** Lower-case hexadecimal. */
      readonly digest: string;
      /** `flat`: of the file's bytes; `tree`: the digest of the directory's message (always sha256). */
      readonly mode: "flat" | "tree";
    };

export interface Derivation {
  /** `<name>-<version>`: hashed, since it is part of every output's path. */
  readonly name: string;
  /** Where the builder runs. Hashed, since another machine's bytes are another result. */
  readonly system: System;
  /** An absolute path in the sandbox, or a versioned builtin such as `builtin:unpack@1`. */
  readonly builder: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What is "/" in the sandbox, read-only. Hashed apart from the inputs: which input it is decides what a builder sees. */
  readonly rootfs: DrvOutput | StorePath | null;
  /** The version of what a builder sees of the sandbox: hashed, so that it can change safely. */
  readonly sandbox: string;
  readonly inputDrvs: Readonly<Record<DrvHash, readonly string[]>>;
  readonly inputSrcs: readonly StorePath[];
  readonly outputs: Readonly<Record<string, OutputSpec>>;
}

/** A derivation whose inputs are all store paths. */
export type ResolvedDerivation = Derivation & {
  readonly rootfs: StorePath | null;
  readonly inputDrvs: Record<DrvHash, never>;
};

/** The version of the sandbox that this engine offers. */
export const SANDBOX_VERSION = "cab-sandbox@1";

/**
 * The user that builders are, part of `cab-sandbox@1`: by a user namespace, or, where cab runs as root, really. High
 * enough to be nobody's, and the same in both cases, so that a build cannot tell them apart.
 */
export const SANDBOX_USER = { uid: 30_001, gid: 30_000 } as const;

const FORMAT = "cab-derivation@1";

/** Writes a derivation to a sink: the one place that says which fields are hashed, and in what order. */
export function encodeDerivation(drv: Derivation, sink: Sink): void {
  sink.list(11);
  sink.field("format");
  sink.string(FORMAT);
  sink.field("name");
  sink.string(drv.name);
  sink.field("system");
  sink.string(drv.system);
  sink.field("builder");
  sink.string(drv.builder);
  sink.field("args");
  encodeStrings(sink, drv.args);
  sink.field("env");
  encodeMap(sink, drv.env, sink.string);
  sink.field("rootfs");
  if (drv.rootfs === null) sink.null();
  else if (typeof drv.rootfs === "string") sink.string(drv.rootfs);
  else encodeStrings(sink, [drv.rootfs.drv, drv.rootfs.output]);
  sink.field("sandbox");
  sink.string(drv.sandbox);
  sink.field("inputDrvs");
  encodeMap(sink, drv.inputDrvs, (outputs) =>
    encodeStrings(sink, outputs.length === 1 ? outputs : [...new Set(outputs)].sort(compareUtf8)),
  );
  sink.field("inputSrcs");
  encodeStrings(sink, sortedPaths(drv.inputSrcs));
  sink.field("outputs");
  encodeMap(sink, drv.outputs, (spec) => {
    if (spec._tag === "ContentAddressed") sink.null();
    else encodeStrings(sink, [spec.algo, spec.digest, spec.mode]);
  });
}

/** The same as a string whose UTF-8 these bytes are. */
export function derivationString(drv: Derivation): string {
  const sink = stringSink();
  encodeDerivation(drv, sink);
  return sink.encoded();
}

export function derivationBytes(drv: Derivation): Uint8Array {
  const sink = byteSink();
  encodeDerivation(drv, sink);
  return sink.bytes();
}

export const drvHash = (drv: Derivation): DrvHash => sha256Hex(derivationBytes(drv)) as DrvHash;

/** The derivation as a person reads it. */
export function derivationText(drv: Derivation): string {
  const sink = textSink();
  encodeDerivation(drv, sink);
  return sink.text();
}

/** Reads canonical bytes back; anything that `encodeDerivation` would not have written gives `undefined`. */
export const decodeDerivation = (bytes: Uint8Array): Derivation | undefined =>
  decodeDerivationBinary(binaryString(bytes));

/** The same of bytes as a string of one character each. */
export function decodeDerivationBinary(bytes: string): Derivation | undefined {
  const fields = decodedList(decodeBinary(bytes));
  if (fields?.length !== 11) return undefined;
  const [format, name, system, builder] = fields.slice(0, 4).map(decodedString);
  const args = decodedStrings(fields[4]);
  const env = decodeRecord(fields[5], decodedString);
  const rootfs = decodeRootfs(fields[6]);
  const sandbox = decodedString(fields[7]);
  const inputDrvs = decodeRecord(fields[8], decodeSorted);
  const inputSrcs = decodePaths(fields[9]);
  const outputs = decodeRecord(fields[10], decodeOutput);
  if (format !== FORMAT || name === undefined || system === undefined || builder === undefined) return undefined;
  if (!isSystem(system) || args === undefined || env === undefined || rootfs === undefined) return undefined;
  if (sandbox === undefined || inputDrvs === undefined || inputSrcs === undefined || outputs === undefined)
    return undefined;
  if (!Object.keys(inputDrvs).every(isDrvHash)) return undefined;
  if (![name, ...Object.keys(outputs).map((output) => outputName(name, output))].every(isStoreName)) return undefined;
  return { name, system, builder, args, env, rootfs, sandbox, inputDrvs, inputSrcs, outputs };
}

function decodeRecord<A>(
  value: Decoded | undefined,
  item: (v: Decoded) => A | undefined,
): Record<string, A> | undefined {
  const record: Record<string, A> = Object.create(null) as Record<string, A>;
  const entries = decodedMap(value);
  if (entries === undefined) return undefined;
  for (const [key, raw] of entries) {
    const decoded = item(raw);
    if (decoded === undefined) return undefined;
    record[key] = decoded;
  }
  return record;
}

/** A set: strictly ascending, as it was written. */
function decodeSorted(value: Decoded | undefined): string[] | undefined {
  const strings = decodedStrings(value);
  const ascending = strings?.every((text, i) => i === 0 || compareUtf8(strings[i - 1] as string, text) < 0);
  return ascending ? strings : undefined;
}

function decodePaths(value: Decoded | undefined): StorePath[] | undefined {
  const paths: StorePath[] = [];
  for (const text of decodeSorted(value) ?? [""]) {
    const path = parseStorePath(text);
    if (path._tag === "Left") return undefined;
    paths.push(path.right);
  }
  return paths;
}

function decodeRootfs(value: Decoded | undefined): Derivation["rootfs"] | undefined {
  if (value === null) return null;
  const text = decodedString(value);
  if (text !== undefined) {
    const path = parseStorePath(text);
    return path._tag === "Right" ? path.right : undefined;
  }
  const [drv, output, ...rest] = decodedStrings(value) ?? [];
  if (drv === undefined || output === undefined || rest.length > 0 || !isDrvHash(drv)) return undefined;
  return { drv, output };
}

function decodeOutput(value: Decoded): OutputSpec | undefined {
  if (value === null) return { _tag: "ContentAddressed" };
  const [algo, digest, mode, ...rest] = decodedStrings(value) ?? [];
  if ((algo !== "sha256" && algo !== "sha512") || digest === undefined || rest.length > 0) return undefined;
  if (mode !== "flat" && (mode !== "tree" || algo !== "sha256")) return undefined;
  if (fromHex(digest)?.length !== (algo === "sha256" ? 32 : 64)) return undefined;
  return { _tag: "FixedOutput", algo, digest, mode };
}

/**
 * What stands for an output's path while it is not known: of the same length and form as a store path, so that a
 * builder's text has its final length from the start.
 */
export const placeholder = (drv: DrvHash, output: string, name: string, hashText?: HashText): StorePath =>
  storePath(`cab:placeholder:${drv}:${output}`, outputName(name, output), hashText);

const PATHS = new RegExp(`(?<=${STORE_DIR}/)[0-9a-z]{${HASH_LENGTH}}(?=-)`, "g");

/**
 * Replaces inputs by the paths that they realised to. `inputs` holds every output that `inputDrvs` and `rootfs` name;
 * a missing one is a bug of the caller.
 */
export function resolveDerivation(
  drv: Derivation,
  inputs: { readonly name: (drv: DrvHash) => string; readonly path: (output: DrvOutput) => StorePath },
): ResolvedDerivation {
  const realised = new Map<string, string>();
  const inputSrcs: StorePath[] = [...drv.inputSrcs];
  for (const hash of Object.keys(drv.inputDrvs) as DrvHash[]) {
    for (const output of drv.inputDrvs[hash] ?? []) {
      const path = inputs.path({ drv: hash, output });
      realised.set(hashPart(placeholder(hash, output, inputs.name(hash))), hashPart(path));
      inputSrcs.push(path);
    }
  }
  const replace = (text: string): string => text.replace(PATHS, (hash) => realised.get(hash) ?? hash);
  const env = Object.fromEntries(Object.entries(drv.env).map(([key, text]) => [key, replace(text)]));
  return {
    ...drv,
    args: drv.args.map(replace),
    env,
    rootfs: drv.rootfs === null || typeof drv.rootfs === "string" ? drv.rootfs : inputs.path(drv.rootfs),
    inputDrvs: {},
    inputSrcs: sortedPaths(inputSrcs),
  };
}

export const outputNames = (drv: Pick<Derivation, "outputs">): string[] => Object.keys(drv.outputs).sort(compareUtf8);

/** Whether the engine itself makes the outputs, in process, instead of running a program in the sandbox. */
export const isBuiltin = (drv: Derivation): boolean => drv.builder.startsWith("builtin:");

/** Everything whose path must be known before the derivation can be resolved: inputs and the root file system. */
export function neededOutputs(drv: Derivation): DrvOutput[] {
  const needed: DrvOutput[] = [];
  for (const hash of Object.keys(drv.inputDrvs) as DrvHash[]) {
    for (const output of drv.inputDrvs[hash] ?? []) needed.push({ drv: hash, output });
  }
  if (drv.rootfs !== null && typeof drv.rootfs === "object") needed.push(drv.rootfs);
  return needed;
}
