/**
 * Packages: immutable values that describe what to build before anything is hashed. A builder such as `autotools` makes
 * one from its specification; `with` and `override` make changed copies. Knows nothing of how a package is built.
 */
import { produce } from "immer";
import type { OutputSpec } from "../derivation.ts";
import type { Platform } from "../platform.ts";
import { RecipeError } from "./failure.ts";
import type { OptionSpecs, OptionValues } from "./option.ts";
import type { FetchRequest, LocalRequest, LocalSource, Pin } from "./source.ts";
import type { Hole, OutputRef, Text } from "./text.ts";

export type Packages = Readonly<Record<string, AnyPackage>>;

/** What a package without inputs has. */
export type NoPackages = Readonly<Record<never, AnyPackage>>;

/** What the evaluator provides while a package becomes a derivation. */
export interface DeriveHost {
  readonly platform: Platform;
  /** The lock file's pin; throws `NotLocked`. */
  readonly pin: (request: FetchRequest) => Pin;
  /** What a local file or directory holds now; the read is recorded. */
  readonly local: (request: LocalRequest) => LocalSource;
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
  /** What is linked or used at run time: host platform. */
  readonly inputs?: I;
  /** Named outputs beside `out`. */
  readonly outputs?: readonly string[];
}

/** A specification together with what was chosen for it. */
export interface Chosen<S, O extends OptionSpecs, I extends Packages> {
  readonly spec: S;
  readonly options: OptionValues<O>;
  readonly inputs: I;
}

/** Takes exactly the keys of `Known`: a misspelt option or input does not type-check. */
export type Changes<O extends OptionSpecs, I extends Packages> = {
  readonly options?: Partial<OptionValues<O>>;
  readonly inputs?: { readonly [K in keyof I]?: AnyPackage };
};

export interface Package<
  O extends OptionSpecs = OptionSpecs,
  I extends Packages = Packages,
  S extends PackageSpec<O, I> = PackageSpec<O, I>,
  Out extends string = string,
> {
  readonly _tag: "Package";
  readonly name: string;
  readonly version: string | undefined;
  readonly spec: S;
  readonly inputs: I;
  readonly outputNames: readonly string[];
  readonly outputs: { readonly [K in Out]: OutputRef };
  /** Formatted on demand only: where the recipe made this package. */
  readonly madeAt: Error;
  derive(host: DeriveHost): DerivationRecipe;
  /** Chooses options and replaces inputs. */
  with(changes: Changes<O, I>): Package<O, I, S, Out>;
  /** Changes anything else in the specification, as an immer draft. */
  override(change: (draft: SpecDraft<S>) => void): Package<O, I, S, Out>;
}

/** What `override` may change: as immer's `Draft`, except that packages and text in a specification are values. */
export type SpecDraft<A> = A extends AnyPackage | OutputRef | Text | ((...of: never) => unknown)
  ? A
  : { -readonly [K in keyof A]: SpecDraft<A[K]> };

/** Any package, whatever its options. Methods are bivariant on purpose: a package is a value first. */
export interface AnyPackage {
  readonly _tag: "Package";
  readonly name: string;
  readonly version: string | undefined;
  readonly outputNames: readonly string[];
  readonly outputs: Readonly<Record<string, OutputRef>>;
  readonly madeAt: Error;
  derive(host: DeriveHost): DerivationRecipe;
}

/** The prototype of packages. It makes them values that immer neither drafts nor walks into: a graph may be any depth. */
const PACKAGE: object = Object.freeze(Object.create(null));

export type Derive<S, O extends OptionSpecs, I extends Packages> = (
  chosen: Chosen<S, O, I>,
  host: DeriveHost,
) => DerivationRecipe;

/** Makes a package. For builders in `derivations/lib`; recipes call those. */
export function definePackage<
  O extends OptionSpecs,
  I extends Packages,
  S extends PackageSpec<O, I>,
  Out extends string = "out",
>(spec: S, derive: Derive<S, O, I>, chosen: Changes<O, I> = {}): Package<O, I, S, Out> {
  const self: Package<O, I, S, Out> = {
    _tag: "Package",
    name: spec.name,
    version: spec.version,
    spec,
    inputs: { ...spec.inputs, ...chosen.inputs } as I,
    outputNames: ["out", ...(spec.outputs ?? [])],
    get outputs() {
      const refs = self.outputNames.map((output) => [output, { _tag: "OutputRef", package: self, output }]);
      return Object.fromEntries(refs) as { readonly [K in Out]: OutputRef };
    },
    madeAt: new Error("made here"),
    derive: (host) => derive({ spec, options: optionValues(spec, chosen.options ?? {}), inputs: self.inputs }, host),
    with: (changes) =>
      definePackage<O, I, S, Out>(spec, derive, {
        options: { ...chosen.options, ...changes.options } as Partial<OptionValues<O>>,
        inputs: checkedInputs(spec, { ...chosen.inputs, ...changes.inputs } as I),
      }),
    override: (change) => definePackage<O, I, S, Out>(edited(spec, change), derive, chosen),
  };
  return Object.setPrototypeOf(self, PACKAGE) as typeof self;
}

/** Immer's types would open up packages too, which its code leaves alone. */
const edited: <S>(spec: S, change: (draft: SpecDraft<S>) => void) => S = produce;

function optionValues<O extends OptionSpecs, I extends Packages>(
  spec: PackageSpec<O, I>,
  chosen: Readonly<Record<string, unknown>>,
): OptionValues<O> {
  const specs: OptionSpecs = spec.options ?? {};
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(specs)) values[name] = specs[name]?.default;
  for (const [name, value] of Object.entries(chosen)) {
    const option = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (option === undefined || !option.accepts(value)) {
      throw new RecipeError({
        _tag: "BadRecipe",
        reason: `${spec.name} was given the option ${name} = ${JSON.stringify(value)}`,
        remedy: option
          ? `give ${option.expected}`
          : `${spec.name} has ${Object.keys(specs).length > 0 ? `these options: ${Object.keys(specs).join(", ")}` : "no options"}`,
      });
    }
    values[name] = value;
  }
  return values as OptionValues<O>;
}

function checkedInputs<Changed extends Packages>(spec: PackageSpec<OptionSpecs, Packages>, changed: Changed): Changed {
  const known = Object.keys(spec.inputs ?? {});
  const unknown = Object.keys(changed).find((name) => !known.includes(name));
  if (unknown === undefined) return changed;
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `${spec.name} has no input named ${unknown}`,
    remedy: `its inputs are ${known.join(", ") || "none"}`,
  });
}

/** `<name>-<version>`, or the name alone. */
export const fullName = (spec: { readonly name: string; readonly version?: string | undefined }): string =>
  spec.version === undefined ? spec.name : `${spec.name}-${spec.version}`;

/** Content-addressed outputs of these names. */
export const contentAddressed = (names: readonly string[]): Record<string, OutputSpec> =>
  Object.fromEntries(names.map((name) => [name, { _tag: "ContentAddressed" }]));

export type { Hole, OutputRef, Text };
