/**
 * What runs in the evaluator's realm: recipe modules in, hashed derivations out, everything as strings and bytes so
 * that no value of the realm leaves it.
 */

import { type Derivation, type DrvHash, decodeDerivationBinary } from "../derivation.ts";
import { decodedList, decodedString, decodeItems, stringSink } from "../encoding.ts";
import type { Platform } from "../platform.ts";
import type { HashText } from "../sha256.ts";
import type { PackageOptions } from "./choose-options.ts";
import { RecipeError } from "./failure.ts";
import { instantiate } from "./instantiate.ts";
import type { AnyPackage } from "./package.ts";
import { asWorkspace, settingsOf, type WorkspaceSettings } from "./policy.ts";
import { type FetchRequest, fetchKey, type LocalRequest, type LocalSource, type Pin, unpinned } from "./source.ts";

/** Functions of the host that the realm may call. What they read is recorded there. */
export interface RealmHost {
  readonly platform: Platform;
  /** Undefined if the lock file has no such entry. */
  readonly pin: (key: string) => Pin | undefined;
  /** Whether a fetch without a pin is no failure: how `cab lock` finds what to pin. */
  readonly collect: boolean;
  readonly local: (request: LocalRequest) => LocalSource;
  /** Told of every fetch. */
  readonly onFetch: (request: FetchRequest) => void;
  /** Faster than core's own hash. */
  readonly hashText?: HashText;
  /** Told of the options of every package, whatever uses it. */
  readonly onOptions: (of: PackageOptions) => void;
}

/** Recipe modules of a workspace, loaded. */
export interface LoadedRecipes {
  readonly recipes: readonly { readonly name: string; readonly value: unknown }[];
  /** The default export of `cab.config.ts`; undefined if there is none. */
  readonly workspace: unknown;
}

export interface Evaluated {
  /** In the order of the recipes asked for. */
  readonly roots: readonly { readonly name: string; readonly drv: string }[];
  readonly settings: WorkspaceSettings;
  /** `encodeGraph` of everything that the roots need. */
  readonly graph: string;
}

/** Evaluates the default exports of recipe modules. Throws `RecipeError`, or whatever a recipe throws. */
export function evaluateRecipes({ recipes, workspace }: LoadedRecipes, host: RealmHost): Evaluated {
  const policy = asWorkspace(workspace);
  const packages = recipes.map(({ name, value }) => asPackage(name, value));
  const { roots, encodings } = instantiate(packages, {
    platform: host.platform,
    policy,
    hashText: host.hashText,
    onOptions: host.onOptions,
    local: host.local,
    pin: (request) => {
      host.onFetch(request);
      const pin = host.pin(fetchKey(request)) ?? (host.collect ? unpinned(request) : undefined);
      if (pin === undefined) throw new RecipeError({ _tag: "NotLocked", key: fetchKey(request) });
      return pin;
    },
  });
  return {
    roots: recipes.map(({ name }, i) => ({ name, drv: roots[i] as string })),
    settings: settingsOf(policy),
    graph: encodeGraph(encodings),
  };
}

function asPackage(name: string, value: unknown): AnyPackage {
  if (typeof value === "object" && value !== null && "_tag" in value && value._tag === "Package") {
    return value as AnyPackage;
  }
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `the default export of ${name} is ${value === undefined ? "missing" : "not a package"}`,
    remedy: "export default what a builder such as autotools({ … }) returns",
  });
}

/**
 * A set of derivations as one canonical value, in the string whose UTF-8 it is: a list of (hash, encoding), those first
 * that nothing else needs.
 */
export function encodeGraph(encodings: ReadonlyMap<DrvHash, string>): string {
  const sink = stringSink();
  sink.list(encodings.size);
  for (const [hash, encoding] of [...encodings].reverse()) {
    sink.list(2);
    sink.string(hash);
    sink.string(encoding);
  }
  return sink.encoded();
}

/**
 * The lookup of a graph that this engine wrote; on anything else it throws. Reads no further than what it is asked for:
 * of an up-to-date role that is the first entry, while to read 10,000 takes 60 ms. Takes the graph's bytes as a string of
 * one character each.
 */
export function decodeGraph(bytes: string): (hash: DrvHash) => Derivation | undefined {
  const entries = decodeItems(bytes);
  const derivations = new Map<string, Derivation>();
  const readNext = (): boolean => {
    const { value: entry, done } = entries.next();
    if (done) return false;
    const [hash, encoding] = decodedList(entry) ?? [];
    const text = decodedString(hash);
    const drv = typeof encoding === "string" ? decodeDerivationBinary(encoding) : undefined;
    if (text === undefined || drv === undefined) throw new Error("BUG: this engine wrote no such graph");
    derivations.set(text, drv);
    return true;
  };
  return (hash) => {
    while (!derivations.has(hash) && readNext());
    return derivations.get(hash);
  };
}
