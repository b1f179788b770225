/** What realising would do, without doing it: `--dry-run`. Downloads and builds nothing; asks the store and substituters. */
import type { Task } from "fp-ts/lib/Task.js";
import {
  type Derivation,
  type DrvHash,
  type DrvOutput,
  drvHash,
  isBuiltin,
  neededOutputs,
  resolveDerivation,
} from "../derivation.ts";
import { namePart, type StorePath } from "../store-path.ts";
import { workOf } from "./event.ts";
import { neededDrvs } from "./graph.ts";
import { knownPaths, type OutputPaths, offeredClosure, substitutedPaths } from "./lookup.ts";
import type { RealisePorts, RealiseRequest } from "./realise.ts";

export interface Plan {
  /** Names of derivations that must be built. */
  readonly build: readonly string[];
  /** Names of derivations above those: built (or fetched) too, unless their inputs realise to what they were. */
  readonly perhaps: readonly string[];
  /** Names of sources to download, and of objects that a substituter offers. */
  readonly fetch: readonly string[];
}

export const plan =
  (request: RealiseRequest) =>
  ({ store, substituters, emit }: Pick<RealisePorts, "store" | "substituters" | "emit">): Task<Plan> =>
  async () => {
    const build = new Set<string>();
    const perhaps = new Set<string>();
    const fetch = new Set<string>();
    const known = new Map<DrvHash, Promise<OutputPaths | "unknown">>();
    const wanted = new Map<string, Promise<void>>();
    const isHere = async (path: StorePath): Promise<boolean> => store.object(path) !== undefined;
    const trouble = (substituter: string, reason: string): void =>
      emit({ _tag: "SubstituterTrouble", substituter, reason });

    const paths = (hash: DrvHash): Promise<OutputPaths | "unknown"> => {
      const asked = known.get(hash) ?? findPaths(hash);
      known.set(hash, asked);
      return asked;
    };
    const findPaths = async (hash: DrvHash): Promise<OutputPaths | "unknown"> => {
      const drv = request.derivation(hash);
      const recorded = knownPaths(store, drv, hash);
      if (recorded !== undefined) return recorded;
      await undefined;
      const traced = await substitutedPaths(substituters, trouble, drv, hash);
      if (traced !== undefined) return traced;
      const inputs = new Map<DrvHash, OutputPaths | "unknown">();
      for (const need of neededDrvs(drv)) inputs.set(need, await paths(need));
      if ([...inputs.values()].includes("unknown")) {
        perhaps.add(drv.name);
        return "unknown";
      }
      const resolved = resolveDerivation(drv, {
        name: (input) => request.derivation(input).name,
        path: ({ drv: input, output }) => (inputs.get(input) as OutputPaths)[output] as StorePath,
      });
      const resolvedHash = drvHash(resolved);
      const same =
        knownPaths(store, resolved, resolvedHash) ??
        (await substitutedPaths(substituters, trouble, resolved, resolvedHash));
      if (same !== undefined) return same;
      await wouldBuild(hash);
      return "unknown";
    };

    const wouldBuild = async (hash: DrvHash): Promise<void> => {
      const drv = request.derivation(hash);
      const work = workOf(drv.builder);
      if (work === "fetch") fetch.add(drv.name);
      if (work === "build") build.add(drv.name);
      await bytesToBuild(drv);
    };
    const bytesToBuild = async (drv: Derivation): Promise<void> => {
      for (const need of neededOutputs(drv)) await bytes(need);
      if (!isBuiltin(drv) && request.sandboxTools !== null) await bytes(request.sandboxTools);
    };
    const bytes = (want: DrvOutput): Promise<void> => {
      const key = `${want.drv}:${want.output}`;
      const asked = wanted.get(key) ?? findBytes(want);
      wanted.set(key, asked);
      return asked;
    };
    const findBytes = async ({ drv: hash, output }: DrvOutput): Promise<void> => {
      await undefined;
      const found = await paths(hash);
      const path = found === "unknown" ? undefined : found[output];
      if (path === undefined) return bytesToBuild(request.derivation(hash));
      if (await isHere(path)) return;
      const offers = await offeredClosure(isHere, substituters, trouble, path);
      if (offers === undefined) await wouldBuild(hash);
      else for (const { info } of offers) fetch.add(namePart(info.path));
    };

    for (const root of request.roots) for (const output of root.outputs) await bytes({ drv: root.drv, output });
    return { build: [...build], perhaps: [...perhaps], fetch: [...fetch] };
  };
