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

export interface MakeSpec<O extends OptionSpecs, I extends Packages> extends ScriptSpec<O, I> {
  readonly configure?: (context: BuildContext<O, I>) => Text;
  /** Arguments of `make`. */
  readonly make?: (context: BuildContext<O, I>) => readonly Argument[];
  /** Arguments of the installing `make`, its target first; `install` alone unless given. */
  readonly install?: (context: BuildContext<O, I>) => readonly Argument[];
}

export const make = <const O extends OptionSpecs = NoOptions, const I extends Packages = NoPackages>(
  spec: MakeSpec<O, I>,
): Package<O, I, MakeSpec<O, I>, "out" | "dev"> =>
  scriptPackage<O, I, MakeSpec<O, I>>(
    spec,
    (own, context) => sh`phase configure
${own.configure?.(context) ?? []}
cabMake ${chosenArguments(own.make?.(context))}
phase install
make ${chosenArguments(own.install?.(context) ?? ["install"])}`,
  );
