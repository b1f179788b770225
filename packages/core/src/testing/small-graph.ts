/** A graph of derivations written by hand in a test: a builder writes what its environment says. */
import {
  type Derivation,
  type DrvHash,
  type DrvOutput,
  drvHash,
  type OutputSpec,
  placeholder,
  SANDBOX_VERSION,
} from "../derivation.ts";
import { contentKey } from "../realisation.ts";
import { type StorePath, scratchPath } from "../store-path.ts";
import { fixedDigest } from "./memory-object.ts";
import { type Behaviour, createWorld, type World } from "./memory-world.ts";

export interface SmallNode {
  readonly name: string;
  /** Content of `out`, or of each output. May contain `ref`s of inputs. */
  readonly write: string | Readonly<Record<string, string>>;
  readonly inputs?: readonly (DrvHash | DrvOutput)[];
  /** Hashed, without effect. */
  readonly comment?: string;
  readonly builder?: string;
  readonly rootfs?: DrvOutput;
  /** Promises the content of `out`. */
  readonly fixed?: "sha256" | "sha512";
  readonly fails?: boolean;
}

export interface SmallGraph {
  readonly add: (node: SmallNode) => DrvHash;
  /** The text that stands for an output's path. */
  readonly ref: (drv: DrvHash, output?: string) => string;
  readonly derivation: (hash: DrvHash) => Derivation;
}

export function smallGraph(): SmallGraph {
  const derivations = new Map<DrvHash, Derivation>();
  const derivation = (hash: DrvHash): Derivation => {
    const drv = derivations.get(hash);
    if (drv === undefined) throw new Error(`BUG: no derivation ${hash}`);
    return drv;
  };
  return {
    derivation,
    ref: (drv, output = "out") => placeholder(drv, output, derivation(drv).name),
    add: ({ name, write, inputs = [], comment = "", builder, rootfs = null, fixed, fails = false }) => {
      const contents = typeof write === "string" ? { out: write } : write;
      const inputDrvs: Record<DrvHash, string[]> = {};
      for (const input of inputs) {
        const { drv, output } = typeof input === "string" ? { drv: input, output: "out" } : input;
        inputDrvs[drv] = [...(inputDrvs[drv] ?? []), output];
      }
      const outputs = Object.keys(contents);
      const drv: Derivation = {
        name,
        system: "x86_64-linux",
        builder: builder ?? (fixed === undefined ? "/bin/sh" : "builtin:fetch@1"),
        args: [],
        env: {
          ...Object.fromEntries(outputs.map((output) => [output, scratchPath(name, output)])),
          ...Object.fromEntries(outputs.map((output) => [`write_${output}`, contents[output] as string])),
          comment,
          ...(fails ? { fails: "" } : {}),
        },
        rootfs,
        sandbox: SANDBOX_VERSION,
        inputDrvs,
        inputSrcs: [],
        outputs: Object.fromEntries(
          outputs.map((output): [string, OutputSpec] => [
            output,
            fixed === undefined
              ? { _tag: "ContentAddressed" }
              : {
                  _tag: "FixedOutput",
                  algo: fixed,
                  digest: fixedDigest(fixed, contents[output] as string),
                  mode: "flat",
                },
          ]),
        ),
      };
      const hash = drvHash(drv);
      derivations.set(hash, drv);
      return hash;
    },
  };
}

/** What the builders of such a graph do. */
export const smallBehaviour: Behaviour = ({ env, outputs }) =>
  env.fails === undefined
    ? Object.fromEntries(Object.keys(outputs).map((output) => [output, env[`write_${output}`] as string]))
    : { _tag: "BuilderExited", code: 1, signal: null };

export const smallWorld = (behaviour: Behaviour = smallBehaviour): World => createWorld({ behaviour });

/** What builders were started for, in order. */
export const ranNames = (world: World): string[] => world.ran.map(({ name }) => name);

/** What is recorded for an output. */
export const pathOf = (world: World, drv: DrvHash, output = "out"): StorePath =>
  world.realisations.get(contentKey({ drv, output })) as StorePath;

/** An app that refers to a library that is made from a source. */
export function library() {
  const graph = smallGraph();
  const source = graph.add({ name: "zlib.tar", write: "int inflate;", fixed: "sha256" });
  const zlib = graph.add({ name: "zlib", write: "libz.so", inputs: [source] });
  const app = graph.add({ name: "app", write: `calls ${graph.ref(zlib)}`, inputs: [zlib] });
  return { graph, derivation: graph.derivation, source, zlib, app };
}
