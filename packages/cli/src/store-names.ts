/**
 * What a user calls an object of the store: a recipe's NAME (its `out`), NAME.OUTPUT, or a PATH. Knows how each is found;
 * not what is done with it. Nothing is built here: what is not realised ends the command with what to type.
 */
import { type DerivationOf, type DrvHash, knownPaths, type ObjectInfo, outputNames, type StorePath } from "@cab/core";
import { evaluate } from "@cab/evaluator";
import type { Store } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import { Ended } from "./ended.ts";
import { storePathIn } from "./store-path-argument.ts";
import type { Host } from "./verb.ts";
import { derivationsOf, evaluateRecipes, evaluatorOptions } from "./wiring.ts";

export interface NamedObject {
  /** As the user wrote it. */
  readonly text: string;
  readonly info: ObjectInfo;
  /** The recipe's derivation; null for a path. */
  readonly drv: DrvHash | null;
}

export interface NamedObjects {
  readonly objects: readonly NamedObject[];
  /** Of all that the recipes among them need. */
  readonly derivation: DerivationOf;
}

/** How paths and names are told apart, for the help of verbs that take both. */
export const NAMES_HELP = [
  "NAME is a recipe whose result is in the store: its out, or another output as NAME.OUTPUT (openldap.dev). PATH is a",
  "store path, its base name, or any file below one.",
].join("\n");

export async function namedObjects(
  host: Host,
  root: string,
  store: Store,
  texts: readonly string[],
): Promise<NamedObjects> {
  const paths = texts.map((text) => storePathIn(root, text));
  const recipes = await namedRecipes(
    host,
    root,
    texts.filter((_, i) => paths[i] === undefined),
  );
  let next = 0;
  const objects = texts.map((text, i) => {
    const path = paths[i];
    if (path !== undefined) return { text, info: validObject(store, root, path), drv: null };
    const { name, output, drv } = recipes.roots[next++] as NamedRecipe;
    return { text, info: realisedObject({ store, root, derivation: recipes.derivation, name, output, drv }), drv };
  });
  return { objects, derivation: recipes.derivation };
}

function validObject(store: Store, root: string, path: StorePath): ObjectInfo {
  const info = store.object(path);
  if (info !== undefined) return info;
  throw new Ended(`error: ${path} is not in the store at ${root}; what is there: cab path-info --all\n`);
}

interface NamedRecipe {
  readonly name: string;
  readonly output: string;
  readonly drv: DrvHash;
}

interface NamedRecipes {
  readonly roots: readonly NamedRecipe[];
  readonly derivation: DerivationOf;
}

/** A name may hold dots itself, so the last one divides it only where there is no recipe of the whole name. */
async function namedRecipes(host: Host, root: string, texts: readonly string[]): Promise<NamedRecipes> {
  const none: DerivationOf = (hash) => {
    throw new Error(`BUG: no recipe was evaluated, and ${hash} is asked for`);
  };
  if (texts.length === 0) return { roots: [], derivation: none };
  const unknown = texts.some((text) => text.includes("."))
    ? await unknownRecipes(host, root, texts)
    : new Set<string>();
  const divided = texts.map((text) => {
    const dot = text.lastIndexOf(".");
    return dot > 0 && unknown.has(text)
      ? { name: text.slice(0, dot), output: text.slice(dot + 1) }
      : { name: text, output: "out" };
  });
  const evaluation = await evaluateRecipes(host, root, { names: divided.map(({ name }) => name) });
  const roots = divided.map((one, i) => ({ ...one, drv: evaluation.roots[i]?.drv as DrvHash }));
  return { roots, derivation: await derivationsOf(evaluation) };
}

async function unknownRecipes(host: Host, root: string, names: readonly string[]): Promise<ReadonlySet<string>> {
  const evaluated = await evaluate(evaluatorOptions(host, root), names)();
  const missing = E.isLeft(evaluated) && evaluated.left._tag === "UnknownRecipes" ? evaluated.left.unknown : [];
  return new Set(missing.map(({ name }) => name));
}

interface RecipeObject extends NamedRecipe {
  readonly store: Store;
  readonly root: string;
  readonly derivation: DerivationOf;
}

function realisedObject({ store, root, derivation, name, output, drv }: RecipeObject): ObjectInfo {
  const recipe = derivation(drv);
  if (recipe.outputs[output] === undefined) {
    throw new Ended(`error: ${name} has no output ${output}; it has ${outputNames(recipe).join(", ")}\n`);
  }
  const path = knownPaths(store, recipe, drv)?.[output];
  const info = path === undefined ? undefined : store.object(path);
  if (info !== undefined) return info;
  throw new Ended(
    `error: ${name} is not realised in the store at ${root}; build or fetch it with: cab realise ${name}\n`,
  );
}
