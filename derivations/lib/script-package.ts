/**
 * Packages built by a script in phases: unpack, patch, then what the builder adds, then fix-up. What a phase does stands
 * in `stdenv/*.sh`; a builder such as `autotools` only says which phases there are.
 */
import {
  type AnyPackage,
  type DeriveHost,
  definePackage,
  forBuild,
  fullName,
  type Hole,
  type OptionSpecs,
  type OptionValues,
  type OutputRef,
  type Package,
  type PackageSpec,
  type Packages,
  scratchPath,
  sh,
  type Text,
} from "@cab/core";
import { buildOutputs, stdenvRecipe } from "./stdenv.ts";

/** What a recipe's functions are told. */
export interface BuildContext<O extends OptionSpecs, I extends Packages> {
  readonly version: string;
  /** The chosen value of each option. */
  readonly options: OptionValues<O>;
  readonly inputs: I;
  /** Where `out` will be: write it wherever the path is wanted literally. */
  readonly out: string;
}

/** One argument; false leaves it out, so that `options.tls && "--with-tls"` reads as it should. */
export type Argument = Hole | false;

/** What every package built by a script has; `N`: its outputs beside `out`. */
export interface ScriptSpec<O extends OptionSpecs, I extends Packages, N extends readonly string[] = readonly string[]>
  extends PackageSpec<O, I> {
  readonly version: string;
  /** The upstream archive: unpacked and patched inside the build. */
  readonly source: AnyPackage | ((of: { readonly version: string }) => AnyPackage);
  /** Applied in this order with `patch -p1`. */
  readonly patches?: readonly AnyPackage[];
  /** Run while building: on PATH, and never in the result. */
  readonly tools?: Packages;
  /** More variables for the script; those that `stdenv/setup.sh` documents among them. */
  readonly env?: Readonly<Record<string, Hole>> | ((context: BuildContext<O, I>) => Readonly<Record<string, Hole>>);
  /** Shell code before anything is configured. */
  readonly prepare?: Text | ((context: BuildContext<O, I>) => Text);
  /** Shell code between installing and fix-up. */
  readonly finish?: Text | ((context: BuildContext<O, I>) => Text);
  readonly outputs?: N;
  /** Programs and libraries that must be there at the end. */
  readonly provides?: { readonly bins?: readonly string[]; readonly libs?: readonly string[] };
  /** What no output may refer to, beside compilers, sources and tools. */
  readonly disallowedReferences?: readonly (AnyPackage | OutputRef)[];
}

const state = <A extends object, C>(stated: A | ((context: C) => A) | undefined, context: C): A | undefined =>
  typeof stated === "function" ? (stated as (context: C) => A)(context) : stated;

export const chosenArguments = (list: readonly Argument[] | undefined): Hole[] =>
  (list ?? []).filter((argument) => argument !== false);

/** The code of the phases between patching and finishing. */
export type Phases<S, O extends OptionSpecs, I extends Packages> = (
  spec: S,
  context: BuildContext<O, I>,
  host: DeriveHost,
) => Text;

export interface PhasesNeed<S> {
  /** The seed, unless the phases need more of the distribution's tools. */
  readonly rootfs?: AnyPackage;
  /** Beside `out`, unless the recipe says otherwise: `dev`. */
  readonly outputs?: readonly string[];
  /** What must see the files as the recipe's `finish` left them. */
  readonly beforeFixup?: (spec: S) => Text;
}

/** Makes a package of a builder's phases; `Out` is what the type checker knows of its outputs. */
export const scriptPackage = <
  O extends OptionSpecs,
  I extends Packages,
  S extends ScriptSpec<O, I>,
  Out extends string = "out" | "dev",
>(
  given: S,
  phases: Phases<S, O, I>,
  { rootfs, outputs = ["dev"], beforeFixup }: PhasesNeed<S> = {},
): Package<O, I, S, Out> =>
  definePackage<O, I, S, Out>({ ...given, outputs: given.outputs ?? outputs }, (chosen, host) => {
    const { spec, options, inputs } = chosen;
    const context = { version: spec.version, options, inputs, out: scratchPath(fullName(spec), "out") };
    const finish = state(spec.finish, context) ?? [];
    const ending =
      beforeFixup === undefined
        ? finish
        : sh`${finish}
${beforeFixup(spec)}`;
    const script = sh`checkInputs
unpackSource
applyPatches
${state(spec.prepare, context) ?? []}
${phases(spec, context, host)}
${ending}
fixup`;
    return stdenvRecipe(
      {
        fullName: fullName(spec),
        outputs: ["out", ...(spec.outputs ?? [])],
        script,
        env: {
          name: spec.name,
          version: spec.version,
          src: typeof spec.source === "function" ? spec.source({ version: spec.version }) : spec.source,
          patches: spec.patches ?? [],
          inputs: Object.values<AnyPackage>(inputs).flatMap(buildOutputs),
          tools: Object.values<AnyPackage>(spec.tools ?? {}).map(forBuild),
          providesBins: spec.provides?.bins ?? [],
          providesLibs: spec.provides?.libs ?? [],
          disallowedReferences: spec.disallowedReferences ?? [],
          ...state(spec.env, context),
        },
        ...(rootfs === undefined ? {} : { rootfs }),
      },
      host,
    );
  });
