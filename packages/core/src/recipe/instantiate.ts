/**
 * From packages to derivations. Iterative, so that a chain of any length works; each package value is derived once in
 * each context, and equal values give one derivation, since a derivation is named by its hash.
 */
import {
  type Derivation,
  type DrvHash,
  derivationString,
  outputNames,
  placeholder,
  SANDBOX_VERSION,
} from "../derivation.ts";
import { type HashText, sha256Hex } from "../sha256.ts";
import { isStoreName, outputName, type StorePath, scratchPath } from "../store-path.ts";
import { type Contexts, contexts, type Placed } from "./context.ts";
import { RecipeError } from "./failure.ts";
import { type AnyPackage, badName, type DerivationRecipe, type DeriveHost, type RecipeHost } from "./package.ts";
import { NO_POLICY, viewOf, type Workspace } from "./policy.ts";
import { type OutputRef, type Text, toText } from "./text.ts";

export interface Instantiated {
  readonly roots: readonly DrvHash[];
  /** The canonical encoding of each derivation: it was made to be hashed, and is what a graph is written as. */
  readonly encodings: ReadonlyMap<DrvHash, string>;
}

export interface InstantiateHost extends RecipeHost {
  readonly hashText?: HashText | undefined;
  readonly policy?: Workspace;
  readonly onOptions?: DeriveHost["onOptions"];
}

/** A package's recipe with its holes read, and how far its needs have been followed. */
interface Frame {
  readonly place: Placed;
  readonly recipe: DerivationRecipe;
  /** Builder, arguments, then the environment's values. */
  readonly texts: readonly Text[];
  readonly envKeys: readonly string[];
  readonly rootfs: OutputRef | undefined;
  /**
   * What is named in the texts, in order: what the builder sees in the store. Last, if there is one, the root file system,
   * which is needed but no input.
   */
  readonly refs: readonly OutputRef[];
  /** Where these lead. */
  readonly needs: readonly Placed[];
  next: number;
}

/** A package that has become a derivation. */
interface Instance {
  readonly hash: DrvHash;
  readonly recipe: DerivationRecipe;
  /** By output: hashed once, however many others name it. Most packages have one output that is used, or none. */
  placeholders: Map<string, StorePath> | undefined;
}

type Instances = ReadonlyMap<Placed, Instance>;

export function instantiate(roots: readonly AnyPackage[], host: InstantiateHost): Instantiated {
  const { hashText = sha256Hex, policy = NO_POLICY, onOptions = () => {}, platform, pin, local } = host;
  const places = contexts({ platform, pin, local, onOptions }, viewOf(policy));
  const instances = new Map<Placed, Instance>();
  const encodings = new Map<DrvHash, string>();
  const open = new Map<Placed, Frame>();
  const rootPlaces = roots.map((root) => blaming(root, () => places.root(root)));
  for (const root of rootPlaces) {
    const stack = instances.has(root) ? [] : [enter(root, places, open)];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const need = frame.needs[frame.next++];
      if (need === undefined) {
        const derivation = blaming(frame.place.package, () => derivationOf(frame, instances, hashText));
        const encoding = derivationString(derivation);
        const hash = hashText(encoding) as DrvHash;
        encodings.set(hash, encoding);
        instances.set(frame.place, { hash, recipe: frame.recipe, placeholders: undefined });
        open.delete(frame.place);
        stack.pop();
      } else if (!instances.has(need)) {
        stack.push(enter(need, places, open));
      }
    }
  }
  return { roots: rootPlaces.map((root) => instanceOf(instances, root).hash), encodings };
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
  const args = recipe.args ?? [];
  const envKeys: string[] = [];
  const texts = [toText(recipe.builder), ...args.map(toText)];
  for (const [key, hole] of Object.entries(recipe.env)) {
    if (hole === undefined) continue;
    envKeys.push(key);
    texts.push(toText(hole));
  }
  const refs: OutputRef[] = [];
  for (const { parts } of texts) for (const part of parts) if (typeof part !== "string") refs.push(part);
  const rootfs =
    recipe.rootfs === null ? undefined : toText(recipe.rootfs).parts.find((part) => typeof part !== "string");
  if (rootfs !== undefined) refs.push(rootfs);
  const needs = refs.map((ref) => blaming(ref.package, () => at(context, ref)));
  return { place, recipe, texts, envKeys, rootfs, refs, needs, next: 0 };
}

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
const instanceOf = (instances: Instances, place: Placed | undefined): Instance =>
  instances.get(place as Placed) as Instance;

function derivationOf(frame: Frame, instances: Instances, hashText: HashText): Derivation {
  const { recipe, texts, envKeys, rootfs, needs, place } = frame;
  requireNames(recipe);
  let next = 0;
  // Texts hold the references in the frame's order.
  const rendered = texts.map(({ parts }) => {
    let text = "";
    for (const part of parts) {
      text +=
        typeof part === "string" ? part : placeholderOf(instanceOf(instances, needs[next++]), part.output, hashText);
    }
    return text;
  });
  const env: Record<string, string> = Object.create(null);
  for (const output of Object.keys(recipe.outputs)) env[output] = scratchPath(recipe.name, output, hashText);
  const firstEnv = texts.length - envKeys.length;
  for (const [i, key] of envKeys.entries()) env[key] = rendered[firstEnv + i] as string;
  return {
    name: recipe.name,
    system: place.context.host.platform.build,
    builder: rendered[0] as string,
    args: rendered.slice(1, firstEnv),
    env,
    rootfs: rootfs === undefined ? null : { drv: instanceOf(instances, needs.at(-1)).hash, output: rootfs.output },
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
  if (bad !== undefined) throw badName(bad);
}

function inputDrvsOf({ recipe, refs, needs, rootfs }: Frame, instances: Instances): Record<DrvHash, string[]> {
  // Without a prototype, so that V8 keeps a table: of ordinary objects it would learn each one's shape (70 ms of 10,000).
  const inputDrvs: Record<DrvHash, string[]> = Object.create(null);
  const inputs = rootfs === undefined ? refs.length : refs.length - 1;
  for (let i = 0; i < inputs; i++) {
    const { output } = refs[i] as OutputRef;
    const { hash, recipe: input } = instanceOf(instances, needs[i]);
    if (!Object.hasOwn(input.outputs, output)) {
      throw new RecipeError({
        _tag: "BadRecipe",
        reason: `${recipe.name} uses the output ${output} of ${input.name}, which does not exist`,
        remedy: `${input.name} has: ${outputNames(input).join(", ")}`,
      });
    }
    const outputs = inputDrvs[hash];
    if (outputs === undefined) inputDrvs[hash] = [output];
    else if (!outputs.includes(output)) outputs.push(output);
  }
  return inputDrvs;
}

function placeholderOf(instance: Instance, output: string, hashText: HashText): StorePath {
  instance.placeholders ??= new Map();
  const known = instance.placeholders.get(output);
  if (known !== undefined) return known;
  const made = placeholder(instance.hash, output, instance.recipe.name, hashText);
  instance.placeholders.set(output, made);
  return made;
}
