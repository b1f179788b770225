/** Finding outputs without building: recorded here, predicted by a digest, or known to a substituter. */
import {
  type Derivation,
  type DrvHash,
  outputNames,
  type ResolvedDerivation,
  resolveDerivation,
} from "../derivation.ts";
import type { ObjectInfo } from "../object.ts";
import type { StorePort, SubstituterPort } from "../ports.ts";
import { predictedPath, realisationKey } from "../realisation.ts";
import type { StorePath } from "../store-path.ts";
import { type DerivationOf, neededDrvs } from "./graph.ts";

/** The path of every output, by output name. */
export type OutputPaths = Readonly<Record<string, StorePath>>;

/** All outputs' paths as this store knows them; undefined unless it knows every one. */
export function knownPaths(store: StorePort, drv: Derivation, hash: DrvHash): OutputPaths | undefined {
  const paths: Record<string, StorePath> = {};
  for (const output of outputNames(drv)) {
    const path = predictedPath(drv, output) ?? store.realisation(realisationKey(drv, hash, output));
    if (path === undefined) return undefined;
    paths[output] = path;
  }
  return paths;
}

/** The derivation with the paths of its inputs, if this store knows them all: what it was, or would be, built as. */
export function knownResolution(
  store: StorePort,
  derivation: DerivationOf,
  hash: DrvHash,
): ResolvedDerivation | undefined {
  const drv = derivation(hash);
  const inputs = new Map<DrvHash, OutputPaths>();
  for (const need of neededDrvs(drv)) {
    const paths = knownPaths(store, derivation(need), need);
    if (paths === undefined) return undefined;
    inputs.set(need, paths);
  }
  return resolveDerivation(drv, {
    name: (input) => derivation(input).name,
    path: ({ drv: input, output }) => inputs.get(input)?.[output] as StorePath,
  });
}

type Trouble = (substituter: string, reason: string) => void;

/** The same from the first substituter that knows every output. One that fails is reported and passed over. */
export async function substitutedPaths(
  substituters: readonly SubstituterPort[],
  trouble: Trouble,
  drv: Derivation,
  hash: DrvHash,
): Promise<OutputPaths | undefined> {
  for (const substituter of substituters) {
    const paths: Record<string, StorePath> = {};
    const outputs = outputNames(drv);
    for (const output of outputs) {
      const found = await substituter.realisation(realisationKey(drv, hash, output))();
      if (found._tag === "Left") trouble(substituter.name, failureText(found.left));
      const path = found._tag === "Right" ? found.right : undefined;
      if (path === undefined) break;
      paths[output] = path;
    }
    if (Object.keys(paths).length === outputs.length) return paths;
  }
  return undefined;
}

export interface Offer {
  readonly info: ObjectInfo;
  readonly substituter: SubstituterPort;
}

/** Objects that one closure may have when it comes from a substituter. Bounds what a hostile one can make us ask for. */
const MAX_CLOSURE = 100_000;

/**
 * What is missing here of the closure of `path`, each object after all that it refers to. Undefined if no substituter
 * offers some part of it, or if they offer a circle of references, which no honest one can.
 */
export async function offeredClosure(
  isHere: (path: StorePath) => Promise<boolean>,
  substituters: readonly SubstituterPort[],
  trouble: Trouble,
  path: StorePath,
): Promise<readonly Offer[] | undefined> {
  const offers = new Map<StorePath, Offer>();
  const queue: StorePath[] = [path];
  for (let i = 0; i < queue.length; i++) {
    const wanted = queue[i] as StorePath;
    if (offers.has(wanted) || (await isHere(wanted))) continue;
    const offer = await firstOffer(substituters, trouble, wanted);
    if (offer === undefined || offers.size >= MAX_CLOSURE) return undefined;
    offers.set(wanted, offer);
    // Not spread: a hostile list may be longer than the stack allows arguments.
    for (const reference of offer.info.references) queue.push(reference);
  }
  return referencesFirst(offers);
}

async function firstOffer(
  substituters: readonly SubstituterPort[],
  trouble: Trouble,
  path: StorePath,
): Promise<Offer | undefined> {
  for (const substituter of substituters) {
    const found = await substituter.object(path)();
    if (found._tag === "Left") trouble(substituter.name, failureText(found.left));
    else if (found.right?.path === path) return { info: found.right, substituter };
    else if (found.right !== undefined) trouble(substituter.name, `${path}: it answered with ${found.right.path}`);
  }
  return undefined;
}

function referencesFirst(offers: ReadonlyMap<StorePath, Offer>): readonly Offer[] | undefined {
  const waitsFor = new Map<StorePath, number>();
  const referrers = new Map<StorePath, StorePath[]>();
  for (const [path, { info }] of offers) {
    const missing = info.references.filter((reference) => offers.has(reference));
    waitsFor.set(path, missing.length);
    for (const reference of missing) {
      const known = referrers.get(reference);
      if (known === undefined) referrers.set(reference, [path]);
      else known.push(path);
    }
  }
  const ready = [...offers.keys()].filter((path) => waitsFor.get(path) === 0);
  for (let i = 0; i < ready.length; i++) {
    for (const referrer of referrers.get(ready[i] as StorePath) ?? []) {
      const left = (waitsFor.get(referrer) ?? 0) - 1;
      waitsFor.set(referrer, left);
      if (left === 0) ready.push(referrer);
    }
  }
  return ready.length === offers.size ? ready.map((path) => offers.get(path) as Offer) : undefined;
}

const failureText = (failure: { readonly message?: string; readonly reason?: string }): string =>
  failure.message ?? failure.reason ?? "failed";
