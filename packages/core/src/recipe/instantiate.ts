/**
 * From packages to derivations. Iterative, so that a chain of any length works; each package value is derived once in
 * each context, and equal values give one derivation, since a derivation is named by its hash.
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
import { type Contexts, contexts, type Placed } from "./context.ts";
import { RecipeError } from "./failure.ts";
import { type AnyPackage, badName, type DerivationRecipe, type DeriveHost, type RecipeHost } from "./package.ts";
import { NO_POLICY, viewOf, type Workspace } from "./policy.ts";
import { type OutputRef, type Text, toText } from "./text.ts";

export interface Instantiated {
  readonly roots: readonly DrvHash[];
  readonly derivations: ReadonlyMap<DrvHash, Derivation>;
  /** Canonical bytes of each: they were made to be hashed, and are what a graph is written as. */
  readonly encodings: ReadonlyMap<DrvHash, Uint8Array>;
}

export interface InstantiateHost extends RecipeHost {
  readonly policy?: Workspace;
  readonly onOptions?: DeriveHost["onOptions"];
}

/** A package's recipe with its holes read, and how far its needs have been followed. */
interface Frame {
  readonly place: Placed;
  readonly recipe: DerivationRecipe;
  readonly builder: Text;
  readonly args: readonly Text[];
  readonly env: readonly (readonly [string, Text])[];
  /** What the builder sees in the store. The root file system is no part of it: it is needed, but not an input. */
  readonly inputs: readonly OutputRef[];
  readonly rootfs: OutputRef | undefined;
  readonly needs: readonly Placed[];
  next: number;
}

/** A package that has become a derivation. */
interface Instance {
  readonly hash: DrvHash;
  readonly derivation: Derivation;
  /** Placeholders by output: hashed once, however many others name it. */
  readonly placeholders: Map<string, StorePath>;
}

type Instances = ReadonlyMap<Placed, Instance>;

export function instantiate(roots: readonly AnyPackage[], host: InstantiateHost): Instantiated {
  const places = contexts({ onOptions: () => {}, ...host }, viewOf(host.policy ?? NO_POLICY));
  const instances = new Map<Placed, Instance>();
  const derivations = new Map<DrvHash, Derivation>();
  const encodings = new Map<DrvHash, Uint8Array>();
  const open = new Map<Placed, Frame>();
  const rootPlaces = roots.map((root) => blaming(root, () => places.root(root)));
  for (const root of rootPlaces) {
    const stack = instances.has(root) ? [] : [enter(root, places, open)];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const need = frame.needs[frame.next++];
      if (need === undefined) {
        const derivation = blaming(frame.place.package, () => derivationOf(frame, places, instances));
        const bytes = derivationBytes(derivation);
        const hash = sha256Hex(bytes) as DrvHash;
        derivations.set(hash, derivation);
        encodings.set(hash, bytes);
        instances.set(frame.place, { hash, derivation, placeholders: new Map() });
        open.delete(frame.place);
        stack.pop();
      } else if (!instances.has(need)) {
        stack.push(enter(need, places, open));
      }
    }
  }
  return { roots: rootPlaces.map((root) => instanceOf(instances, root).hash), derivations, encodings };
}

function enter(place: Placed, places: Contexts, open: Map<Placed, Frame>): Frame {
  if (open.has(place)) {
    const names = [...open.keys()].map((one) => one.package.name);
    const start = [...open.keys()].indexOf(place);
    throw new RecipeError({ _tag: "DependencyCycle", cycle: [...names.slice(start), place.package.name] });
  }
  const frame = blaming(place.package, () => frameOf(place, places));
  open.set(place, frame);
  return frame;
}

function frameOf(place: Placed, { at }: Contexts): Frame {
  const { context } = place;
  const recipe = place.package.derive(context.host);
  const builder = toText(recipe.builder);
  const args = (recipe.args ?? []).map(toText);
  const env: [string, Text][] = [];
  for (const [key, hole] of Object.entries(recipe.env)) if (hole !== undefined) env.push([key, toText(hole)]);
  const inputs = [builder, ...args, ...env.map(([, text]) => text)].flatMap(refsIn);
  const [rootfs] = recipe.rootfs === null ? [] : refsIn(toText(recipe.rootfs));
  const needs = (rootfs === undefined ? inputs : [...inputs, rootfs]).map((ref) =>
    blaming(ref.package, () => at(context, ref)),
  );
  return { place, recipe, builder, args, env, inputs, rootfs, needs, next: 0 };
}

const refsIn = ({ parts }: Text): OutputRef[] => parts.filter((part) => typeof part !== "string");

/**
 * What goes wrong while a package is derived carries where the recipe made that package: no stack leads there any more.
 * The innermost package is blamed.
 */
function blaming<A>(of: AnyPackage, step: () => A): A {
  try {
    return step();
  } catch (error) {
    throw error instanceof Error && !("madeAt" in error) ? Object.assign(error, { madeAt: of.madeAt }) : error;
  }
}

/** All that a frame needs has been instantiated before it. */
const instanceOf = (instances: Instances, place: Placed): Instance => instances.get(place) as Instance;

function derivationOf(frame: Frame, { at }: Contexts, instances: Instances): Derivation {
  const { recipe, rootfs, place } = frame;
  requireNames(recipe);
  const instanceFor = (ref: OutputRef): Instance => instanceOf(instances, at(place.context, ref));
  const render = ({ parts }: Text): string =>
    parts.map((part) => (typeof part === "string" ? part : placeholderOf(instanceFor(part), part.output))).join("");
  const env = new Map<string, string>();
  for (const output of Object.keys(recipe.outputs)) env.set(output, scratchPath(recipe.name, output));
  for (const [key, text] of frame.env) env.set(key, render(text));
  return {
    name: recipe.name,
    system: place.context.host.platform.build,
    builder: render(frame.builder),
    args: frame.args.map(render),
    env: Object.fromEntries(env),
    rootfs: rootfs === undefined ? null : { drv: instanceFor(rootfs).hash, output: rootfs.output },
    sandbox: SANDBOX_VERSION,
    inputDrvs: inputDrvsOf(frame, instanceFor),
    inputSrcs: [],
    outputs: { ...recipe.outputs },
  };
}

function requireNames({ name, outputs }: DerivationRecipe): void {
  const bad = [name, ...Object.keys(outputs).map((output) => outputName(name, output))].find(
    (one) => !isStoreName(one),
  );
  if (bad !== undefined) throw badName(bad);
}

function inputDrvsOf({ recipe, inputs }: Frame, instanceFor: (ref: OutputRef) => Instance): Record<DrvHash, string[]> {
  const inputDrvs: Record<DrvHash, string[]> = {};
  for (const ref of inputs) {
    const { hash, derivation } = instanceFor(ref);
    if (!Object.hasOwn(derivation.outputs, ref.output)) {
      throw new RecipeError({
        _tag: "BadRecipe",
        reason: `${recipe.name} uses the output ${ref.output} of ${derivation.name}, which does not exist`,
        remedy: `${derivation.name} has: ${outputNames(derivation).join(", ")}`,
      });
    }
    const outputs = inputDrvs[hash] ?? [];
    if (!outputs.includes(ref.output)) outputs.push(ref.output);
    inputDrvs[hash] = outputs;
  }
  return inputDrvs;
}

function placeholderOf({ hash, derivation, placeholders }: Instance, output: string): StorePath {
  const known = placeholders.get(output) ?? placeholder(hash, output, derivation.name);
  placeholders.set(output, known);
  return known;
}
