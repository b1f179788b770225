/** Builds what has a Makefile and its own way to be configured: `configure` is shell code here. */
import {
  type NoOptions,
  type NoPackages,
  type OptionSpecs,
  type Package,
  type Packages,
  sh,
  type Text,
} from "@cab/core";
import { type Argument, type BuildContext, chosenArguments, type ScriptSpec, scriptPackage } from "./script-package.ts";

export interface MakeSpec<O extends OptionSpecs, I extends Packages, N extends readonly string[]>
  extends ScriptSpec<O, I, N> {
  readonly configure?: (context: BuildContext<O, I>) => Text;
  /** Arguments of `make`. */
  readonly make?: (context: BuildContext<O, I>) => readonly Argument[];
  /** Arguments of the installing `make`, its target first; `install` alone unless given. */
  readonly install?: (context: BuildContext<O, I>) => readonly Argument[];
}

export const make = <
  const O extends OptionSpecs = NoOptions,
  const I extends Packages = NoPackages,
  const N extends readonly string[] = readonly ["dev"],
>(
  spec: MakeSpec<O, I, N>,
): Package<O, I, MakeSpec<O, I, N>, "out" | N[number]> =>
  scriptPackage<O, I, MakeSpec<O, I, N>, "out" | N[number]>(
    spec,
    (own, context) => sh`phase configure
${own.configure?.(context) ?? []}
cabMake ${chosenArguments(own.make?.(context))}
phase install
make ${chosenArguments(own.install?.(context) ?? ["install"])}`,
  );
