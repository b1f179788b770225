/**
 * Where a package stands while it is instantiated: for which platform, and which packages are taken for others there.
 * Every edge of the graph goes through `at`, so that policy, `for` and `rewriteInputs` hold wherever a recipe names a
 * package. Knows nothing of derivations.
 */
import { nativePlatform, type Platform, platformName } from "../platform.ts";
import { RecipeError } from "./failure.ts";
import {
  type Adjustment,
  type AnyPackage,
  composed,
  type DeriveHost,
  type Family,
  type RecipeHost,
  type Replacement,
} from "./package.ts";
import type { PolicyView } from "./policy.ts";
import type { OutputRef } from "./text.ts";

export interface Context {
  readonly host: DeriveHost;
  readonly replacements: readonly Replacement[];
  /** What stands for a package here. */
  readonly standIns: ReadonlyMap<AnyPackage, AnyPackage>;
  /** The other way round. Below a stand-in, what it stands for is itself: it may be made of that. */
  readonly standingFor: ReadonlyMap<AnyPackage, AnyPackage>;
  readonly families: ReadonlySet<Family>;
  /** Nothing is replaced and nothing preferred here: most edges end where they point to. */
  readonly isPlain: boolean;
  readonly places: Map<AnyPackage, Placed>;
}

/** A package in a context: what becomes one derivation. There is one such value for each pair. */
export interface Placed {
  readonly package: AnyPackage;
  readonly context: Context;
}

/** A package as a recipe names it. */
type Edge = Pick<OutputRef, "package" | "on">;

export interface Contexts {
  /** A root is used by nothing, so it may be for any platform. */
  readonly root: (of: AnyPackage) => Placed;
  readonly at: (from: Context, edge: Edge) => Placed;
}

export function contexts(
  host: RecipeHost & Pick<DeriveHost, "onOptions">,
  { optionsOf, replacements, distributionOf }: PolicyView,
): Contexts {
  const known = new Map<string, Context>();
  const numbers = new Map<AnyPackage, number>();
  const numberOf = (of: AnyPackage): number => {
    const number = numbers.get(of) ?? numbers.size;
    numbers.set(of, number);
    return number;
  };

  const contextOf = (platform: Platform, pairs: readonly Replacement[]): Context => {
    const key = `${platformName(platform)} ${pairs.map((pair) => pair.map(numberOf).join(">")).sort()}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const context: Context = {
      host: {
        ...host,
        platform,
        policyOptions: optionsOf,
        resolve: (of) => (context.isPlain ? of : (standInFor(context, of) ?? of)),
      },
      replacements: pairs,
      standIns: new Map(pairs),
      standingFor: new Map(pairs.filter(([from, to]) => from !== to).map(([from, to]) => [to, from])),
      families: new Set(pairs.map(([from]) => from.family)),
      isPlain: pairs.length === 0 && distributionOf === undefined,
      places: new Map(),
    };
    known.set(key, context);
    return context;
  };

  const standInFor = ({ standIns }: Context, of: AnyPackage): AnyPackage | undefined =>
    standIns.get(of) ?? distributionOf?.(of);

  const lead = (from: Context, { package: named, on }: Edge): Placed => {
    if (on === undefined && from.isPlain && named.adjustment === undefined) return placed(named, from);
    const of = standInFor(from, named) ?? named;
    const replaced = from.standingFor.get(of);
    if (replaced === undefined && of === named) requireListed(from, of);
    const pairs = replaced === undefined ? from.replacements : from.replacements.filter(([one]) => one !== replaced);
    const around = on === "build" ? nativePlatform(from.host.platform.build) : from.host.platform;
    return placed(of, contextOf({ ...around, ...of.adjustment?.platform }, adjustedPairs(pairs, of.adjustment)));
  };

  const outside = contextOf(host.platform, replacements);
  return {
    root: (of) => lead(outside, { package: of }),
    at: (from, edge) => {
      const to = lead(from, edge);
      if (to.context !== from && edge.on === undefined) requireOneLibc(from.host.platform, to);
      return to;
    },
  };
}

function placed(of: AnyPackage, context: Context): Placed {
  const known = context.places.get(of);
  if (known !== undefined) return known;
  const place = { package: of, context };
  context.places.set(of, place);
  return place;
}

const adjustedPairs = (around: readonly Replacement[], own: Adjustment | undefined): readonly Replacement[] =>
  own === undefined || own.replacements.length === 0 ? around : composed(own.replacements, around);

/** A variant that slipped past a replacement would bring in what was to be replaced. */
function requireListed({ standIns, families }: Context, of: AnyPackage): void {
  if (!families.has(of.family) || standIns.has(of)) return;
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `${of.family.name} is replaced, but a variant of it, made here, is not`,
    remedy: "list the variant too, as [variant, replacement], or as [variant, variant] to keep it",
  });
}

function requireOneLibc(around: Platform, { package: of, context }: Placed): void {
  const own = context.host.platform;
  if (around.libc === own.libc || own.link === "static") return;
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `${of.name} is made for libc ${own.libc}, and what uses it for libc ${around.libc}: a closure has one libc`,
    remedy: `leave .for(…) to the role above both, or make what uses it for({ libc: ${JSON.stringify(own.libc)} }) too`,
  });
}
