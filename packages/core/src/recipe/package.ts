/**
 * Packages: immutable values that describe what to build before anything is hashed. A builder such as `autotools` makes
 * one from its specification; `with` and `override` make changed copies. Knows nothing of how a package is built.
 */
import { produce } from "immer";
import type { OutputSpec } from "../derivation.ts";
import type { Platform } from "../platform.ts";
import { isStoreName } from "../store-path.ts";
import { chooseOptions, type PackageOptions } from "./choose-options.ts";
import { RecipeError } from "./failure.ts";
import type { OptionChoices, OptionSpecs, OptionValues } from "./option.ts";
import type { Refused } from "./refused.ts";
import type { FetchRequest, LocalRequest, LocalSource, Pin } from "./source.ts";
import type { Hole, OutputRef, Text } from "./text.ts";

export type Packages = Readonly<Record<string, AnyPackage>>;

/** What a package without inputs has. */
// biome-ignore lint/complexity/noBannedTypes: meant as what it is, the type without members
export type NoPackages = {};

/** What a recipe cannot know by itself. */
export interface RecipeHost {
  readonly platform: Platform;
  /** The lock file's pin; throws `NotLocked`. */
  readonly pin: (request: FetchRequest) => Pin;
  /** What a local file or directory holds now; the read is recorded. */
  readonly local: (request: LocalRequest) => LocalSource;
}

/** What is provided while a package becomes a derivation. */
export interface DeriveHost extends RecipeHost {
  /** The package that stands for this one here: `rewriteInputs` or the workspace's policy may have put another. */
  readonly resolve: (of: AnyPackage) => AnyPackage;
  /** What the workspace's policy says of the options of this family. */
  readonly policyOptions: (family: Family) => Readonly<Record<string, unknown>>;
  /** Told of each package that has options, with their values. */
  readonly onOptions: (of: PackageOptions) => void;
}

/** The unhashed form of a derivation: paths are still packages. */
export interface DerivationRecipe {
  /** `<name>-<version>`. */
  readonly name: string;
  readonly builder: Hole;
  readonly args?: readonly Hole[];
  /** Each output's own path is added under its name. An undefined value is left out. */
  readonly env: Readonly<Record<string, Hole | undefined>>;
  readonly rootfs: OutputRef | AnyPackage | null;
  readonly outputs: Readonly<Record<string, OutputSpec>>;
}

/** What every package's specification has, whatever builds it. */
export interface PackageSpec<O extends OptionSpecs, I extends Packages> {
  readonly name: string;
  /** Upstream's version; left out by what has none, such as a role. */
  readonly version?: string;
  readonly description?: string;
  readonly licence?: string;
  readonly options?: O;
  /** Choices of options that contradict one another, each as a sentence: `options.http2 && !options.tls && "…"`. */
  readonly conflicts?: (chosen: { readonly options: OptionValues<O> }) => readonly (string | false)[];
  /** What is linked or used at run time: host platform. */
  readonly inputs?: I;
  /** Named outputs beside `out`. */
  readonly outputs?: readonly string[];
  /** The same program as the distribution ships it, for a workspace that prefers that. */
  readonly distribution?: () => AnyPackage;
}

/** A specification together with what was chosen for it. */
export interface Chosen<S, O extends OptionSpecs, I extends Packages> {
  readonly spec: S;
  readonly options: OptionValues<O>;
  readonly inputs: I;
}

/** Other packages for some of a package's inputs; the reason for a package that has none. */
type InputChoices<I> = [keyof I] extends [never]
  ? Refused<"this package has no inputs">
  : { readonly [K in keyof I]?: AnyPackage };

/** A package for which another is taken, and that other. */
export type Replacement = readonly [from: AnyPackage, to: AnyPackage];

/** What a package's makers agree on: its variants, made by `with`, `override` and `for`, share one. */
export interface Family {
  readonly name: string;
}

/** How a package, and all below it, is instantiated differently from where it is used. */
export interface Adjustment {
  readonly platform: PlatformChange;
  readonly replacements: readonly Replacement[];
}

/** What of a platform a recipe may choose: the build platform is the machine's own. */
export interface PlatformChange {
  readonly host?: Platform["host"];
  readonly libc?: Platform["libc"];
  readonly link?: Platform["link"];
}

export interface Package<
  O extends OptionSpecs = OptionSpecs,
  I extends Packages = Packages,
  S extends PackageSpec<O, I> = PackageSpec<O, I>,
  Out extends string = string,
> extends AnyPackage {
  readonly spec: S;
  readonly inputs: I;
  readonly outputs: { readonly [K in Out]: OutputRef };
  /** Chooses options and replaces inputs. */
  // Written out where it is used, here and elsewhere, since messages show the name of a type instead of what it is.
  with(changes: { readonly options?: OptionChoices<O>; readonly inputs?: InputChoices<I> }): Package<O, I, S, Out>;
  /** Changes anything else in the specification, as an immer draft. The function returns nothing, and at once. */
  override(change: (draft: SpecDraft<S>) => undefined): Package<O, I, S, Out>;
  /** Builds it, and all that it uses at run time, for another platform: `for({ libc: "source" })`. */
  for(platform: PlatformChange): Package<O, I, S, Out>;
}

/** What `override` may change: as immer's `Draft`, except that packages and text in a specification are values. */
export type SpecDraft<S> = { -readonly [K in keyof S]: Drafted<S[K]> };

/** Any hole, unlike a list of some kind, may hold another: it has no end to be opened up to. */
type Drafted<A> = [Hole] extends [A]
  ? A
  : A extends AnyPackage | OutputRef | Text | ((...of: never) => unknown)
    ? A
    : SpecDraft<A>;

/** Any package, whatever its options. Methods are bivariant on purpose: a package is a value first. */
export interface AnyPackage {
  readonly _tag: "Package";
  readonly name: string;
  readonly version: string | undefined;
  readonly outputNames: readonly string[];
  readonly outputs: Readonly<Record<string, OutputRef>>;
  readonly family: Family;
  /** Whether options, inputs or anything else were chosen: then no distribution's package can stand for it. */
  readonly isVariant: boolean;
  readonly distribution: (() => AnyPackage) | undefined;
  readonly adjustment: Adjustment | undefined;
  /** Formatted on demand only: where the recipe made this package. */
  readonly madeAt: Error;
  derive(host: DeriveHost): DerivationRecipe;
  /** A copy that is instantiated differently, with all below it: `for` and `rewriteInputs`. */
  adjusted(adjustment: Adjustment): AnyPackage;
}

/** The prototype of packages. It makes them values that immer neither drafts nor walks into: a graph may be any depth. */
const PACKAGE: object = Object.freeze(Object.create(null));

export type Derive<S, O extends OptionSpecs, I extends Packages> = (
  chosen: Chosen<S, O, I>,
  host: DeriveHost,
) => DerivationRecipe;

/** Makes a package. For builders in `derivations/lib`; recipes call those. */
export const definePackage = <
  O extends OptionSpecs,
  I extends Packages,
  S extends PackageSpec<O, I>,
  Out extends string = "out",
>(
  spec: S,
  derive: Derive<S, O, I>,
): Package<O, I, S, Out> =>
  packageOf<O, I, S, Out>({
    spec: frozen(spec),
    derive,
    chosen: {},
    family: Object.freeze({ name: spec.name }),
    isVariant: false,
    adjustment: undefined,
  });

/** Everything that a package is made of. */
interface Making<O extends OptionSpecs, I extends Packages, S extends PackageSpec<O, I>> {
  readonly spec: S;
  readonly derive: Derive<S, O, I>;
  readonly chosen: { readonly options?: Readonly<Record<string, unknown>>; readonly inputs?: Packages };
  readonly family: Family;
  readonly isVariant: boolean;
  readonly adjustment: Adjustment | undefined;
}

function packageOf<O extends OptionSpecs, I extends Packages, S extends PackageSpec<O, I>, Out extends string>(
  making: Making<O, I, S>,
): Package<O, I, S, Out> {
  const { spec, derive, chosen, family, isVariant, adjustment } = making;
  const variant = (changed: Partial<Making<O, I, S>>): Package<O, I, S, Out> =>
    packageOf<O, I, S, Out>({ ...making, ...changed });
  const inputs = Object.freeze({ ...spec.inputs, ...chosen.inputs }) as I;
  requirePackages(spec.name, inputs);
  const self: Package<O, I, S, Out> = {
    _tag: "Package",
    name: spec.name,
    version: spec.version,
    spec,
    inputs,
    outputNames: Object.freeze(["out", ...(spec.outputs ?? [])]),
    get outputs() {
      const refs = self.outputNames.map((output) => [output, { _tag: "OutputRef", package: self, output }]);
      return Object.fromEntries(refs) as { readonly [K in Out]: OutputRef };
    },
    family,
    isVariant,
    distribution: spec.distribution,
    adjustment,
    madeAt: new Error("made here"),
    derive: (host) => {
      const options = chooseOptions(spec, { policy: host.policyOptions(family), recipe: chosen.options ?? {} });
      if (options.length > 0) host.onOptions({ package: spec.name, options });
      const values = Object.fromEntries(options.map(({ name, value }) => [name, value])) as OptionValues<O>;
      return derive({ spec, options: values, inputs: resolved(inputs, host) }, host);
    },
    with: (changes) =>
      variant({
        chosen: {
          options: { ...chosen.options, ...changes.options },
          inputs: checkedInputs(spec, { ...chosen.inputs, ...changes.inputs }),
        },
        isVariant: true,
      }),
    override: (change) => variant({ spec: frozen(edited(spec, change)), isVariant: true }),
    for: (platform) => self.adjusted({ platform, replacements: [] }) as typeof self,
    adjusted: ({ platform, replacements }) =>
      variant({
        adjustment: {
          platform: { ...adjustment?.platform, ...platform },
          replacements: composed(adjustment?.replacements ?? [], replacements),
        },
      }),
  };
  return Object.freeze(Object.setPrototypeOf(self, PACKAGE)) as typeof self;
}

const resolved = <I extends Packages>(inputs: I, { resolve }: DeriveHost): I => {
  const names = Object.keys(inputs);
  return names.every((name) => resolve(inputs[name] as AnyPackage) === inputs[name])
    ? inputs
    : (Object.fromEntries(names.map((name) => [name, resolve(inputs[name] as AnyPackage)])) as unknown as I);
};

/** First the one list, then the other on what that gave. */
export function composed(first: readonly Replacement[], then: readonly Replacement[]): readonly Replacement[] {
  const later = new Map(then);
  const replaced = first.map(([from, to]): Replacement => [from, later.get(to) ?? to]);
  const known = new Set(first.map(([from]) => from));
  return [...replaced, ...then.filter(([from]) => !known.has(from))];
}

/**
 * Takes a package for another everywhere below `root`. By identity: if a variant of a replaced package is met as well,
 * that is an error until it is listed too. Below a replacement, what it replaces is still itself.
 */
export const rewriteInputs = <P extends AnyPackage>(
  root: P,
  replacements: readonly (readonly [from: AnyPackage, to: AnyPackage])[],
): P => root.adjusted({ platform: {}, replacements }) as P;

/** A specification is a value that many packages share: lists and records in it are frozen, packages are already. */
function frozen<A extends object>(value: A): A {
  if (Object.isFrozen(value)) return value;
  for (const item of Object.values(value)) {
    if (Array.isArray(item) || (isRecord(item) && Object.getPrototypeOf(item) === Object.prototype)) frozen(item);
  }
  return Object.freeze(value);
}

const isRecord = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Immer's types would open up packages too, which its code leaves alone. */
const edited: <S>(spec: S, change: (draft: SpecDraft<S>) => undefined) => S = produce;

function checkedInputs<Changed extends Packages>(
  spec: { readonly name: string; readonly inputs?: Packages },
  changed: Changed,
): Changed {
  const known = Object.keys(spec.inputs ?? {});
  const unknown = Object.keys(changed).find((name) => !known.includes(name));
  if (unknown === undefined) return changed;
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `${spec.name} has no input named ${unknown}`,
    remedy: known.length > 0 ? `its inputs are ${known.join(", ")}` : `${spec.name} has no inputs`,
  });
}

/** Whatever came past the type checker. */
function requirePackages(of: string, inputs: Packages): void {
  for (const [name, input] of Object.entries<unknown>(inputs)) {
    if (isRecord(input) && "_tag" in input && input._tag === "Package") continue;
    throw new RecipeError({
      _tag: "BadRecipe",
      reason: `the input ${name} of ${of} is no package`,
      remedy: "give the package itself: what its recipe exports by default",
    });
  }
}

/** `<name>-<version>`, or the name alone. Throws `BadRecipe` for what no store path could be called. */
export function fullName({ name, version }: { readonly name: string; readonly version?: string | undefined }): string {
  const full = version === undefined ? name : `${name}-${version}`;
  if (typeof name === "string" && isStoreName(full)) return full;
  throw badName(full);
}

/** Of a package, or of one of its outputs. */
export const badName = (name: unknown): RecipeError =>
  new RecipeError({
    _tag: "BadRecipe",
    reason: `${JSON.stringify(name)} cannot be part of a store path`,
    remedy:
      "use letters, digits and + - . _ ? = in name, version and outputs, at most 200 in all, not starting with a dot",
  });

/** Content-addressed outputs of these names. */
export const contentAddressed = (names: readonly string[]): Record<string, OutputSpec> =>
  Object.fromEntries(names.map((name) => [name, { _tag: "ContentAddressed" }]));

export type { Hole, OutputRef, Text };
