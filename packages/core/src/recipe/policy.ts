/** A workspace's policy: what `cab.config.ts` exports by default, and what it means for every package. */
import { RecipeError } from "./failure.ts";
import type { OptionChoices, OptionSpecs } from "./option.ts";
import type { AnyPackage, Family, Package, PackageSpec, Packages, Replacement } from "./package.ts";

/** Defaults for the options of one package and its variants. Made by `defaults`. */
export interface OptionDefaults {
  readonly package: AnyPackage;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Option defaults in a workspace's policy: `defaults(nginx, { http2: false })`. A recipe's `with` wins over them. */
export const defaults = <O extends OptionSpecs, I extends Packages, S extends PackageSpec<O, I>, Out extends string>(
  of: Package<O, I, S, Out>,
  options: OptionChoices<O>,
): OptionDefaults => ({ package: of, options: options as Readonly<Record<string, unknown>> });

/** Whether packages come from source, which is the default, or are the distribution's pinned ones. */
export interface Preferences {
  /** Those that the distribution's package stands for; `"all"`: wherever there is one. */
  readonly distribution?: readonly AnyPackage[] | "all";
  /** Those that are built from source although `distribution` is `"all"`. */
  readonly source?: readonly AnyPackage[];
}

export interface WorkspaceSpec {
  readonly options?: readonly OptionDefaults[];
  /** Packages for which others are taken, in all recipes of the workspace. As in `rewriteInputs`. */
  readonly replace?: readonly (readonly [from: AnyPackage, to: AnyPackage])[];
  /** Variants that a recipe made by `with` or `override` are always built from source. */
  readonly prefer?: Preferences;
  /** Where downloads come from, before what the host is configured with. No part of any hash. */
  readonly mirrors?: { readonly debian?: readonly string[] };
  /** Builders at once, unless the command line says another number. */
  readonly jobs?: number;
  /** Whether recipes must type-check before they are realised. */
  readonly checkTypes?: boolean;
}

export interface Workspace extends WorkspaceSpec {
  readonly _tag: "Workspace";
}

/** The policy of a workspace: `export default workspace({ … })` in its `cab.config.ts`. */
export const workspace = (spec: WorkspaceSpec): Workspace => ({ ...spec, _tag: "Workspace" });

export const NO_POLICY: Workspace = workspace({});

/** What of a policy concerns the command rather than recipes. */
export interface WorkspaceSettings {
  readonly debianMirrors: readonly string[];
  readonly jobs: number | null;
  readonly checkTypes: boolean;
}

export const settingsOf = ({ mirrors, jobs, checkTypes }: Workspace): WorkspaceSettings => ({
  debianMirrors: [...(mirrors?.debian ?? [])],
  jobs: jobs ?? null,
  checkTypes: checkTypes ?? false,
});

/** The default export of `cab.config.ts`; a file without one only marks the workspace. */
export function asWorkspace(value: unknown): Workspace {
  if (value === undefined) return NO_POLICY;
  if (typeof value === "object" && value !== null && "_tag" in value && value._tag === "Workspace") {
    return checked(value as Workspace);
  }
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: "the default export of cab.config.ts is no workspace",
    remedy: "export default workspace({ … }), from @cab/core",
  });
}

function checked(policy: Workspace): Workspace {
  const { jobs, prefer } = policy;
  const refuse = (reason: string, remedy: string): never => {
    throw new RecipeError({ _tag: "BadRecipe", reason: `cab.config.ts: ${reason}`, remedy });
  };
  if (jobs !== undefined && (!Number.isInteger(jobs) || jobs < 1)) {
    refuse(`jobs is ${JSON.stringify(jobs)}`, "give a whole number from 1");
  }
  const listed = prefer?.distribution === "all" ? [] : (prefer?.distribution ?? []);
  const without = listed.find(({ distribution }) => distribution === undefined);
  if (without !== undefined) {
    refuse(`there is no distribution's package for ${without.name}`, "take it off the list: it is built from source");
  }
  return policy;
}

/** A policy in the form in which instantiating asks it. */
export interface PolicyView {
  readonly optionsOf: (family: Family) => Readonly<Record<string, unknown>>;
  readonly replacements: readonly Replacement[];
  /** The distribution's package that stands for this one; undefined if it is built from source. */
  readonly distributionOf: ((of: AnyPackage) => AnyPackage | undefined) | undefined;
}

const NO_OPTIONS: Readonly<Record<string, unknown>> = Object.freeze({});

export function viewOf({ options = [], replace = [], prefer = {} }: Workspace): PolicyView {
  const byFamily = new Map<Family, Readonly<Record<string, unknown>>>();
  for (const { package: of, options: values } of options) {
    byFamily.set(of.family, { ...byFamily.get(of.family), ...values });
  }
  return {
    optionsOf: (family) => byFamily.get(family) ?? NO_OPTIONS,
    replacements: replace,
    distributionOf: preferring(prefer),
  };
}

function preferring({ distribution = [], source = [] }: Preferences): PolicyView["distributionOf"] {
  if (distribution.length === 0) return undefined;
  const wanted = distribution === "all" ? undefined : new Set(distribution);
  const kept = new Set(source);
  const made = new Map<AnyPackage, AnyPackage>();
  return (of) => {
    if (of.isVariant || of.distribution === undefined || kept.has(of)) return undefined;
    if (wanted !== undefined && !wanted.has(of)) return undefined;
    const known = made.get(of) ?? of.distribution();
    made.set(of, known);
    return known;
  };
}
