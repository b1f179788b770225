/**
 * From packages to derivations. Iterative, so that a chain of any length works; each package value is derived once, and
 * equal values give one derivation, since a derivation is named by its hash.
 */
import {
  type Derivation,
  type DrvHash,
  derivationBytes,
  outputNames,
  placeholder,
  SANDBOX_VERSION,
} from "../derivation.ts";
import { sha256Hex } from "../sha256.ts";
import { isStoreName, outputName, type StorePath, scratchPath } from "../store-path.ts";
import { RecipeError } from "./failure.ts";
import type { AnyPackage, DerivationRecipe, DeriveHost } from "./package.ts";
import { type OutputRef, type Text, toText } from "./text.ts";

export interface Instantiated {
  readonly roots: readonly DrvHash[];
  readonly derivations: ReadonlyMap<DrvHash, Derivation>;
  /** Canonical bytes of each: they were made to be hashed, and are what a graph is written as. */
  readonly encodings: ReadonlyMap<DrvHash, Uint8Array>;
}

/** A package's recipe with its holes read, and how far its needs have been followed. */
interface Frame {
  readonly package: AnyPackage;
  readonly recipe: DerivationRecipe;
  readonly builder: Text;
  readonly args: readonly Text[];
  readonly env: readonly (readonly [string, Text])[];
  /** What the builder sees in the store. The root file system is no part of it: it is needed, but not an input. */
  readonly inputs: readonly OutputRef[];
  readonly rootfs: OutputRef | undefined;
  readonly needs: readonly OutputRef[];
  next: number;
}

/** A package that has become a derivation. */
interface Instance {
  readonly hash: DrvHash;
  readonly derivation: Derivation;
  /** Placeholders by output: hashed once, however many others name it. */
  readonly placeholders: Map<string, StorePath>;
}

type Instances = ReadonlyMap<AnyPackage, Instance>;

export function instantiate(roots: readonly AnyPackage[], host: DeriveHost): Instantiated {
  const instances = new Map<AnyPackage, Instance>();
  const derivations = new Map<DrvHash, Derivation>();
  const encodings = new Map<DrvHash, Uint8Array>();
  const open = new Map<AnyPackage, Frame>();
  for (const root of roots) {
    const stack = instances.has(root) ? [] : [enter(root, host, open)];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const need = frame.needs[frame.next++]?.package;
      if (need === undefined) {
        const derivation = blaming(frame.package, () => derivationOf(frame, host, instances));
        const bytes = derivationBytes(derivation);
        const hash = sha256Hex(bytes) as DrvHash;
        derivations.set(hash, derivation);
        encodings.set(hash, bytes);
        instances.set(frame.package, { hash, derivation, placeholders: new Map() });
        open.delete(frame.package);
        stack.pop();
      } else if (!instances.has(need)) {
        stack.push(enter(need, host, open));
      }
    }
  }
  return { roots: roots.map((root) => instanceOf(instances, root).hash), derivations, encodings };
}

function enter(of: AnyPackage, host: DeriveHost, open: Map<AnyPackage, Frame>): Frame {
  if (open.has(of)) {
    const names = [...open.keys()].map((p) => p.name);
    const start = [...open.keys()].indexOf(of);
    throw new RecipeError({ _tag: "DependencyCycle", cycle: [...names.slice(start), of.name] });
  }
  const frame = blaming(of, () => frameOf(of, of.derive(host)));
  open.set(of, frame);
  return frame;
}

function frameOf(of: AnyPackage, recipe: DerivationRecipe): Frame {
  const builder = toText(recipe.builder);
  const args = (recipe.args ?? []).map(toText);
  const env: [string, Text][] = [];
  for (const [key, hole] of Object.entries(recipe.env)) if (hole !== undefined) env.push([key, toText(hole)]);
  const inputs = [builder, ...args, ...env.map(([, text]) => text)].flatMap(refsIn);
  const [rootfs] = recipe.rootfs === null ? [] : refsIn(toText(recipe.rootfs));
  const needs = rootfs === undefined ? inputs : [...inputs, rootfs];
  return { package: of, recipe, builder, args, env, inputs, rootfs, needs, next: 0 };
}

const refsIn = ({ parts }: Text): OutputRef[] => parts.filter((part) => typeof part !== "string");

/** What goes wrong while a package is derived carries where the recipe made that package: no stack leads there any more. */
function blaming<A>(of: AnyPackage, step: () => A): A {
  try {
    return step();
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { madeAt: of.madeAt }) : error;
  }
}

/** All that a frame needs has been instantiated before it. */
const instanceOf = (instances: Instances, of: AnyPackage): Instance => instances.get(of) as Instance;

function derivationOf(frame: Frame, { platform }: DeriveHost, instances: Instances): Derivation {
  const { recipe, rootfs } = frame;
  requireNames(recipe);
  const render = ({ parts }: Text): string =>
    parts.map((part) => (typeof part === "string" ? part : placeholderOf(part, instances))).join("");
  const env = new Map<string, string>();
  for (const output of Object.keys(recipe.outputs)) env.set(output, scratchPath(recipe.name, output));
  for (const [key, text] of frame.env) env.set(key, render(text));
  return {
    name: recipe.name,
    system: platform.build,
    builder: render(frame.builder),
    args: frame.args.map(render),
    env: Object.fromEntries(env),
    rootfs: rootfs === undefined ? null : { drv: instanceOf(instances, rootfs.package).hash, output: rootfs.output },
    sandbox: SANDBOX_VERSION,
    inputDrvs: inputDrvsOf(frame, instances),
    inputSrcs: [],
    outputs: { ...recipe.outputs },
  };
}

function requireNames({ name, outputs }: DerivationRecipe): void {
  const bad = [name, ...Object.keys(outputs).map((output) => outputName(name, output))].find(
    (one) => !isStoreName(one),
  );
  if (bad === undefined) return;
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `${JSON.stringify(bad)} cannot be part of a store path`,
    remedy:
      "use letters, digits and + - . _ ? = in name, version and outputs, at most 200 in all, not starting with a dot",
  });
}

function inputDrvsOf({ recipe, inputs }: Frame, instances: Instances): Record<DrvHash, string[]> {
  const inputDrvs: Record<DrvHash, string[]> = {};
  for (const { package: input, output } of inputs) {
    const { hash, derivation } = instanceOf(instances, input);
    if (!Object.hasOwn(derivation.outputs, output)) {
      throw new RecipeError({
        _tag: "BadRecipe",
        reason: `${recipe.name} uses the output ${output} of ${derivation.name}, which does not exist`,
        remedy: `${derivation.name} has: ${outputNames(derivation).join(", ")}`,
      });
    }
    const outputs = inputDrvs[hash] ?? [];
    if (!outputs.includes(output)) outputs.push(output);
    inputDrvs[hash] = outputs;
  }
  return inputDrvs;
}

function placeholderOf({ package: of, output }: OutputRef, instances: Instances): StorePath {
  const { hash, derivation, placeholders } = instanceOf(instances, of);
  const known = placeholders.get(output) ?? placeholder(hash, output, derivation.name);
  placeholders.set(output, known);
  return known;
}
