/**
 * Random graphs of derivations for property tests: layered, with several outputs, inputs that are read, referred to or
 * ignored (so that early cutoff happens), fixed outputs, builtins, root file systems, failures. Not part of `index.ts`,
 * since it needs fast-check.
 */
import fc from "fast-check";
import { type Derivation, type DrvHash, drvHash, type OutputSpec, placeholder } from "../derivation.ts";
import { sha256Hex } from "../sha256.ts";
import { parseStorePath, type StorePath, scratchPath } from "../store-path.ts";
import { fixedDigest } from "./memory-object.ts";
import type { Behaviour } from "./memory-world.ts";

const FIXED = ["sha256-flat", "sha256-tree", "sha512-flat"] as const;

export interface NodeSpec {
  /** Few names for many nodes, so that different derivations may resolve to the same one. */
  readonly name: number;
  readonly kind: "sandboxed" | "builtin" | (typeof FIXED)[number];
  readonly inputs: readonly {
    /** The index of a node before this one. */
    readonly node: number;
    readonly dev: boolean;
    readonly use: "read" | "refer" | "ignore" | "rootfs";
  }[];
  readonly dev: boolean;
  /** Whether the output names itself. */
  readonly self: boolean;
  /** Changes the content. */
  readonly salt: number;
  /** Hashed, and without effect: a comment in a source, another mirror of a fetch. */
  readonly comment: number;
  readonly fails: boolean;
}

export interface Graph {
  readonly derivation: (hash: DrvHash) => Derivation;
  /** Of each node, in the order of the specification. */
  readonly hashes: readonly DrvHash[];
}

const nodeSpec = (failing: boolean): fc.Arbitrary<NodeSpec> =>
  fc.record({
    name: fc.nat(3),
    kind: fc.constantFrom("sandboxed", "sandboxed", "sandboxed", "builtin", ...FIXED),
    inputs: fc.array(
      fc.record({
        node: fc.nat(11),
        dev: fc.boolean(),
        use: fc.constantFrom("read", "read", "refer", "ignore", "rootfs"),
      }),
      { maxLength: 3 },
    ),
    dev: fc.boolean(),
    self: fc.boolean(),
    salt: fc.nat(2),
    comment: fc.nat(2),
    fails: failing ? fc.integer({ min: 0, max: 7 }).map((n) => n === 0) : fc.constant(false),
  });

/**
 * Some nodes are copies of earlier ones, with another comment, or with copies of their inputs: so that different
 * derivations resolve to the same one.
 */
export const graphSpec = (options: { readonly failing: boolean }): fc.Arbitrary<readonly NodeSpec[]> =>
  fc
    .array(fc.tuple(nodeSpec(options.failing), fc.option(fc.nat(11), { freq: 2 })), {
      minLength: 1,
      maxLength: 12,
      size: "max",
    })
    .map((nodes) => {
      const specs: NodeSpec[] = [];
      const copies = new Map<number, number>();
      nodes.forEach(([spec, choice], i) => {
        const above = specs.flatMap(({ inputs }, at) => (inputs.some(({ node }) => copies.has(node)) ? [at] : []));
        const original = choice === null || i === 0 ? undefined : (above[choice % above.length] ?? choice % i);
        if (original !== undefined) copies.set(original, i);
        specs.push(original === undefined ? absolute(spec, i) : copyOf(specs[original] as NodeSpec, copies));
      });
      return specs;
    });

const absolute = (spec: NodeSpec, i: number): NodeSpec => ({
  ...spec,
  inputs: i === 0 ? [] : spec.inputs.map((input) => ({ ...input, node: input.node % i })),
});

/** With the copies of its inputs, if there are any; else with another comment. */
function copyOf(spec: NodeSpec, copies: ReadonlyMap<number, number>): NodeSpec {
  if (!spec.inputs.some(({ node }) => copies.has(node))) return { ...spec, comment: spec.comment + 1 };
  return { ...spec, inputs: spec.inputs.map((input) => ({ ...input, node: copies.get(input.node) ?? input.node })) };
}

const bytesOf = (spec: NodeSpec): string => `bytes ${spec.salt} ${spec.fails}`;

const isFixed = (kind: NodeSpec["kind"]): kind is (typeof FIXED)[number] => kind !== "sandboxed" && kind !== "builtin";

export function graphOf(specs: readonly NodeSpec[]): Graph {
  const derivations = new Map<DrvHash, Derivation>();
  const hashes: DrvHash[] = [];
  for (const spec of specs) {
    const drv = derivationOf(spec, hashes, derivations);
    const hash = drvHash(drv);
    derivations.set(hash, drv);
    hashes.push(hash);
  }
  return { derivation: (hash) => derivations.get(hash) as Derivation, hashes };
}

function derivationOf(
  spec: NodeSpec,
  before: readonly DrvHash[],
  derivations: ReadonlyMap<DrvHash, Derivation>,
): Derivation {
  const inputDrvs: Record<DrvHash, string[]> = {};
  const uses: Record<string, string[]> = { read: [], refer: [], ignore: [] };
  let rootfs: Derivation["rootfs"] = null;
  for (const { node, dev, use } of spec.inputs) {
    const drv = before[node] as DrvHash;
    const { name, outputs } = derivations.get(drv) as Derivation;
    const output = dev && outputs.dev !== undefined ? "dev" : "out";
    if (use === "rootfs") {
      rootfs = { drv, output };
      continue;
    }
    inputDrvs[drv] = [...new Set([...(inputDrvs[drv] ?? []), output])];
    uses[use]?.push(placeholder(drv, output, name));
  }
  const fixed = isFixed(spec.kind) ? spec.kind : undefined;
  // A source's name is its own, so that its inputs follow from its key: else which of two is fetched is a matter of luck.
  const name = fixed === undefined ? `p${spec.name}` : `source${before.length}`;
  const outputs = fixed === undefined ? contentAddressedOutputs(spec) : { out: fixedOutput(fixed, bytesOf(spec)) };
  return {
    name,
    system: "x86_64-linux",
    builder: spec.kind === "sandboxed" ? "/bin/sh" : fixed === undefined ? "builtin:write@1" : "builtin:fetch@1",
    args: [`comment ${spec.comment}`],
    env: {
      ...Object.fromEntries(Object.keys(outputs).map((output) => [output, scratchPath(name, output)])),
      read: (uses.read ?? []).join(" "),
      refer: (uses.refer ?? []).join(" "),
      ignore: (uses.ignore ?? []).join(" "),
      salt: String(spec.salt),
      self: String(spec.self),
      fails: String(spec.fails),
      ...(fixed === undefined ? {} : { bytes: bytesOf(spec) }),
    },
    rootfs,
    sandbox: "cab-sandbox@1",
    inputDrvs,
    inputSrcs: [],
    outputs,
  };
}

const contentAddressedOutputs = (spec: NodeSpec): Record<string, OutputSpec> =>
  Object.fromEntries(["out", ...(spec.dev ? ["dev"] : [])].map((output) => [output, { _tag: "ContentAddressed" }]));

function fixedOutput(kind: (typeof FIXED)[number], bytes: string): OutputSpec {
  const algo = kind === "sha512-flat" ? "sha512" : "sha256";
  const mode = kind === "sha256-tree" ? "tree" : "flat";
  return { _tag: "FixedOutput", algo, digest: fixedDigest(algo, bytes), mode };
}

/** What the builders of such a graph do. The content depends on what is read or referred to, and on the salt. */
export const graphBehaviour: Behaviour = (drv, read) => {
  const { env } = drv;
  if (env.fails === "true") return { _tag: "BuilderExited", code: 1, signal: null };
  if (env.bytes !== undefined) return { out: env.bytes };
  const digests = words(env.read).map((path) => sha256Hex(read(storePathOf(path))));
  const content = [drv.name, env.salt, ...digests, ...words(env.refer), env.self === "true" ? env.out : ""].join("\n");
  return env.dev === undefined ? { out: content } : { out: content, dev: `headers ${env.salt} of ${env.out}` };
};

const words = (text: string | undefined): string[] => (text ?? "").split(" ").filter((word) => word !== "");

function storePathOf(text: string): StorePath {
  const path = parseStorePath(text);
  if (path._tag === "Left") throw new Error(`BUG: ${path.left.reason}: ${text}`);
  return path.right;
}
