/**
 * From packages to derivations. Iterative, so that a chain of any length works; each package value is derived once, and
 * equal values give one derivation, since a derivation is named by its hash.
 */
import {
  type Derivation,
  type DrvHash,
  drvHash,
  type OutputSpec,
  outputNames,
  placeholder,
  SANDBOX_VERSION,
} from "../derivation.ts";
import { isStoreName, outputName, scratchPath } from "../store-path.ts";
import { RecipeError } from "./failure.ts";
import type { AnyPackage, DerivationRecipe, DeriveHost } from "./package.ts";
import { type Hole, type OutputRef, toText } from "./text.ts";

export interface Instantiated {
  readonly roots: readonly DrvHash[];
  readonly derivations: ReadonlyMap<DrvHash, Derivation>;
}

interface Frame {
  readonly package: AnyPackage;
  readonly recipe: DerivationRecipe;
  readonly needs: readonly OutputRef[];
  next: number;
}

export function instantiate(roots: readonly AnyPackage[], host: DeriveHost): Instantiated {
  const hashes = new Map<AnyPackage, DrvHash>();
  const derivations = new Map<DrvHash, Derivation>();
  const open = new Map<AnyPackage, Frame>();
  for (const root of roots) {
    const stack = hashes.has(root) ? [] : [enter(root, host, open)];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const need = frame.needs[frame.next++]?.package;
      if (need === undefined) {
        const derivation = blaming(frame.package, () => derivationOf(frame, host, hashes, derivations));
        const hash = drvHash(derivation);
        derivations.set(hash, derivation);
        hashes.set(frame.package, hash);
        open.delete(frame.package);
        stack.pop();
      } else if (!hashes.has(need)) {
        stack.push(enter(need, host, open));
      }
    }
  }
  return { roots: roots.map((root) => hashes.get(root) as DrvHash), derivations };
}

function enter(of: AnyPackage, host: DeriveHost, open: Map<AnyPackage, Frame>): Frame {
  if (open.has(of)) {
    const names = [...open.keys()].map((p) => p.name);
    const start = [...open.keys()].indexOf(of);
    throw new RecipeError({ _tag: "DependencyCycle", cycle: [...names.slice(start), of.name] });
  }
  const recipe = blaming(of, () => of.derive(host));
  const frame: Frame = { package: of, recipe, needs: [...inputsOf(recipe), ...rootfsOf(recipe)], next: 0 };
  open.set(of, frame);
  return frame;
}

/** What goes wrong while a package is derived carries where the recipe made that package: no stack leads there any more. */
function blaming<A>(of: AnyPackage, step: () => A): A {
  try {
    return step();
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { madeAt: of.madeAt }) : error;
  }
}

const refsOf = (holes: readonly Hole[]): OutputRef[] =>
  holes.flatMap((hole) => toText(hole).parts.filter((part) => typeof part !== "string"));

/** What the builder sees in the store. The root file system is no part of it: it is needed, but not an input. */
const inputsOf = (recipe: DerivationRecipe): OutputRef[] =>
  refsOf([recipe.builder, ...(recipe.args ?? []), ...Object.values(recipe.env).filter((hole) => hole !== undefined)]);

const rootfsOf = (recipe: DerivationRecipe): OutputRef[] => (recipe.rootfs === null ? [] : refsOf([recipe.rootfs]));

function derivationOf(
  frame: Frame,
  host: DeriveHost,
  hashes: ReadonlyMap<AnyPackage, DrvHash>,
  derivations: ReadonlyMap<DrvHash, Derivation>,
): Derivation {
  const { recipe } = frame;
  for (const name of [recipe.name, ...Object.keys(recipe.outputs).map((output) => outputName(recipe.name, output))]) {
    if (isStoreName(name)) continue;
    throw new RecipeError({
      _tag: "BadRecipe",
      reason: `${JSON.stringify(name)} cannot be part of a store path`,
      remedy:
        "use letters, digits and + - . _ ? = in name, version and outputs, at most 200 in all, not starting with a dot",
    });
  }
  const inputDrvs: Record<DrvHash, string[]> = {};
  for (const { package: input, output } of inputsOf(recipe)) {
    const hash = hashes.get(input) as DrvHash;
    const known = derivations.get(hash) as Derivation;
    if (!Object.hasOwn(known.outputs, output)) {
      throw new RecipeError({
        _tag: "BadRecipe",
        reason: `${recipe.name} uses the output ${output} of ${known.name}, which does not exist`,
        remedy: `${known.name} has: ${outputNames(known).join(", ")}`,
      });
    }
    const outputs = inputDrvs[hash] ?? [];
    if (!outputs.includes(output)) outputs.push(output);
    inputDrvs[hash] = outputs;
  }
  const render = (hole: Hole): string =>
    toText(hole)
      .parts.map((part) => (typeof part === "string" ? part : placeholderOf(part, hashes, derivations)))
      .join("");
  const env = new Map<string, string>();
  for (const output of Object.keys(recipe.outputs)) env.set(output, scratchPath(recipe.name, output));
  for (const [key, hole] of Object.entries(recipe.env)) if (hole !== undefined) env.set(key, render(hole));
  const rootfs = rootfsOf(recipe)[0];
  return {
    name: recipe.name,
    system: host.platform.build,
    builder: render(recipe.builder),
    args: (recipe.args ?? []).map(render),
    env: Object.fromEntries(env),
    rootfs: rootfs === undefined ? null : { drv: hashes.get(rootfs.package) as DrvHash, output: rootfs.output },
    sandbox: SANDBOX_VERSION,
    inputDrvs,
    inputSrcs: [],
    outputs: { ...recipe.outputs } satisfies Record<string, OutputSpec>,
  };
}

function placeholderOf(
  ref: OutputRef,
  hashes: ReadonlyMap<AnyPackage, DrvHash>,
  derivations: ReadonlyMap<DrvHash, Derivation>,
): string {
  const hash = hashes.get(ref.package) as DrvHash;
  return placeholder(hash, ref.output, (derivations.get(hash) as Derivation).name);
}
