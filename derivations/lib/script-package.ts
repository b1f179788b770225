/**
 * Packages built by a script in phases: unpack, patch, then what the builder adds, then fix-up. What a phase does stands
 * in `stdenv/*.sh`; a builder such as `autotools` only says which phases there are.
 */
import {
  type AnyPackage,
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

type Stated<A, O extends OptionSpecs, I extends Packages> = A | ((context: BuildContext<O, I>) => A);

/** One argument; false leaves it out, so that `options.tls && "--with-tls"` reads as it should. */
export type Argument = Hole | false;

/** What every package built by a script has. */
export interface ScriptSpec<O extends OptionSpecs, I extends Packages> extends PackageSpec<O, I> {
  readonly version: string;
  /** The upstream archive: unpacked and patched inside the build. */
  readonly source: AnyPackage | ((of: { readonly version: string }) => AnyPackage);
  /** Applied in this order with `patch -p1`. */
  readonly patches?: readonly AnyPackage[];
  /** Run while building: on PATH, and never in the result. */
  readonly tools?: Packages;
  /** More variables for the script; those that `stdenv/setup.sh` documents among them. */
  readonly env?: Stated<Readonly<Record<string, Hole>>, O, I>;
  /** Shell code before anything is configured. */
  readonly prepare?: Stated<Text, O, I>;
  /** Shell code between installing and fix-up. */
  readonly finish?: Stated<Text, O, I>;
  /** Programs and libraries that must be there at the end. */
  readonly provides?: { readonly bins?: readonly string[]; readonly libs?: readonly string[] };
  /** What no output may refer to, beside compilers, sources and tools. */
  readonly disallowedReferences?: readonly (AnyPackage | OutputRef)[];
}

const state = <A, O extends OptionSpecs, I extends Packages>(
  stated: Stated<A, O, I> | undefined,
  context: BuildContext<O, I>,
): A | undefined => (typeof stated === "function" ? (stated as (context: BuildContext<O, I>) => A)(context) : stated);

export const chosenArguments = (list: readonly Argument[] | undefined): Hole[] =>
  (list ?? []).filter((argument) => argument !== false);

/** The code of the phases between patching and finishing. */
export type Phases<S, O extends OptionSpecs, I extends Packages> = (spec: S, context: BuildContext<O, I>) => Text;

/**
 * Makes a package of a builder's phases; `rootfs` is the seed unless they need more of the distribution's tools.
 * It is split into `out` and `dev` unless the recipe says otherwise.
 */
export const scriptPackage = <O extends OptionSpecs, I extends Packages, S extends ScriptSpec<O, I>>(
  given: S,
  phases: Phases<S, O, I>,
  rootfs?: AnyPackage,
): Package<O, I, S, "out" | "dev"> =>
  definePackage<O, I, S, "out" | "dev">({ ...given, outputs: given.outputs ?? ["dev"] }, (chosen, host) => {
    const { spec, options, inputs } = chosen;
    const context = { version: spec.version, options, inputs, out: scratchPath(fullName(spec), "out") };
    const script = sh`unpackSource
applyPatches
${state(spec.prepare, context) ?? []}
${phases(spec, context)}
${state(spec.finish, context) ?? []}
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
