/**
 * Two models that realising is held against. `rebuildEverything` says what is right: it builds every derivation, in
 * order, and looks up nothing. `expectedWork` says what is necessary: which builds a given store leaves to be done.
 */
import { type DrvHash, type DrvOutput, drvHash, neededOutputs, outputNames, resolveDerivation } from "../derivation.ts";
import { predictedPath, type RealisationKey, realisationKey } from "../realisation.ts";
import { type DerivationOf, neededDrvs, topological } from "../realise/graph.ts";
import type { StorePath } from "../store-path.ts";
import { closureOf, type MemoryObject, nameOutputs } from "./memory-object.ts";
import type { Behaviour } from "./memory-world.ts";

export interface Rebuilt {
  readonly resolved: DrvHash;
  /** Under which the resolved derivation's first output is recorded: the identity of one build. */
  readonly key: RealisationKey;
  /** Undefined if the builder fails. */
  readonly paths: Readonly<Record<string, StorePath>> | undefined;
}

export interface Truth {
  /** A derivation that depends on a failing one is absent. */
  readonly derivations: ReadonlyMap<DrvHash, Rebuilt>;
  readonly objects: ReadonlyMap<StorePath, MemoryObject>;
}

export function rebuildEverything(roots: readonly DrvHash[], derivation: DerivationOf, behaviour: Behaviour): Truth {
  const derivations = new Map<DrvHash, Rebuilt>();
  const objects = new Map<StorePath, MemoryObject>();
  for (const hash of topological(roots, derivation)) {
    const drv = derivation(hash);
    if (neededDrvs(drv).some((need) => derivations.get(need)?.paths === undefined)) continue;
    const resolved = resolveDerivation(drv, {
      name: (input) => derivation(input).name,
      path: ({ drv: input, output }) => derivations.get(input)?.paths?.[output] as StorePath,
    });
    const resolvedHash = drvHash(resolved);
    const key = realisationKey(resolved, resolvedHash, outputNames(resolved)[0] as string);
    const made = behaviour(resolved, (path) => (objects.get(path) as MemoryObject).content);
    const named = "_tag" in made ? undefined : nameOutputs(resolved, made, closureOf(resolved.inputSrcs, objects));
    if (named === undefined || "_tag" in named) {
      derivations.set(hash, { resolved: resolvedHash, key, paths: undefined });
      continue;
    }
    for (const object of named.values()) objects.set(object.info.path, object);
    const paths = Object.fromEntries([...named].map(([output, { info }]) => [output, info.path]));
    derivations.set(hash, { resolved: resolvedHash, key, paths });
  }
  return { derivations, objects };
}

export interface Work {
  /** Builds that must run, by the key of their first output. */
  readonly builds: ReadonlySet<RealisationKey>;
  /** Resolved derivations that fail by themselves. */
  readonly failures: ReadonlySet<DrvHash>;
}

/** What is left to do, without substituters, where each failure leaves alone what does not depend on it. */
export function expectedWork(of: {
  readonly roots: readonly DrvOutput[];
  readonly tools: DrvOutput | null;
  readonly derivation: DerivationOf;
  readonly truth: Truth;
  /** What the store has before. */
  readonly realisations: ReadonlySet<RealisationKey>;
  readonly objects: ReadonlySet<StorePath>;
}): Work {
  const { derivation, truth, realisations, objects } = of;
  const builds = new Set<RealisationKey>();
  const failures = new Set<DrvHash>();
  const memo = new Map<string, boolean>();
  const remember = (key: string, work: () => boolean): boolean => {
    const known = memo.get(key) ?? work();
    memo.set(key, known);
    return known;
  };
  const isKnown = (hash: DrvHash, as: DrvHash): boolean =>
    outputNames(derivation(hash)).every(
      (output) =>
        predictedPath(derivation(hash), output) !== undefined ||
        realisations.has(realisationKey(derivation(hash), as, output)),
    );
  const pathsOfInputs = (hash: DrvHash): boolean => neededDrvs(derivation(hash)).map(paths).every(Boolean);
  const paths = (hash: DrvHash): boolean =>
    remember(`paths ${hash}`, () => {
      if (isKnown(hash, hash)) return true;
      if (!pathsOfInputs(hash)) return false;
      return isKnown(hash, truth.derivations.get(hash)?.resolved as DrvHash) || build(hash);
    });
  const bytes = ({ drv, output }: DrvOutput): boolean => {
    if (!paths(drv)) return false;
    const path = truth.derivations.get(drv)?.paths?.[output] ?? predictedPath(derivation(drv), output);
    return (path !== undefined && objects.has(path)) || build(drv);
  };
  const build = (hash: DrvHash): boolean =>
    remember(`build ${hash}`, () => {
      if (!pathsOfInputs(hash)) return false;
      const drv = derivation(hash);
      const tools = of.tools === null || drv.builder.startsWith("builtin:") ? [] : [of.tools];
      if (![...neededOutputs(drv), ...tools].map(bytes).every(Boolean)) return false;
      const { key, resolved, paths: made } = truth.derivations.get(hash) as Rebuilt;
      if (made === undefined) failures.add(resolved);
      else builds.add(key);
      return made !== undefined;
    });
  for (const root of of.roots) bytes(root);
  return { builds, failures };
}
