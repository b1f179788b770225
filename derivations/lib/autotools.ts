/** Builds what comes with a `configure` script: configure, make, make install. */
import { type NoOptions, type NoPackages, type OptionSpecs, type Package, type Packages, sh } from "@cab/core";
import { type Argument, type BuildContext, chosenArguments, type ScriptSpec, scriptPackage } from "./script-package.ts";

export interface AutotoolsSpec<O extends OptionSpecs, I extends Packages> extends ScriptSpec<O, I> {
  /** Arguments of `./configure` behind `--prefix`. */
  readonly configure?: (context: BuildContext<O, I>) => readonly Argument[];
  /** Arguments of `make`. */
  readonly make?: (context: BuildContext<O, I>) => readonly Argument[];
  /** Arguments of `make install`. */
  readonly install?: (context: BuildContext<O, I>) => readonly Argument[];
}

export const autotools = <const O extends OptionSpecs = NoOptions, const I extends Packages = NoPackages>(
  spec: AutotoolsSpec<O, I>,
): Package<O, I, AutotoolsSpec<O, I>, "out" | "dev"> =>
  scriptPackage<O, I, AutotoolsSpec<O, I>>(
    spec,
    ({ configure, make, install }, context) => sh`cabConfigure ${chosenArguments(configure?.(context))}
cabMake ${chosenArguments(make?.(context))}
cabInstall ${chosenArguments(install?.(context))}`,
  );
