/** Builds CMake projects, in a folder beside the source, with the flags that keep cmake from looking at the host. */
import { type NoOptions, type NoPackages, type OptionSpecs, type Package, type Packages, sh } from "@cab/core";
import cmakeSeed from "../toolchain/cmake-seed.ts";
import { type Argument, type BuildContext, chosenArguments, type ScriptSpec, scriptPackage } from "./script-package.ts";

export interface CmakeSpec<O extends OptionSpecs, I extends Packages, N extends readonly string[]>
  extends ScriptSpec<O, I, N> {
  /** Cache entries and other arguments of `cmake`: `"-DWITH_TLS=ON"`. */
  readonly configure?: (context: BuildContext<O, I>) => readonly Argument[];
}

export const cmake = <
  const O extends OptionSpecs = NoOptions,
  const I extends Packages = NoPackages,
  const N extends readonly string[] = readonly ["dev"],
>(
  spec: CmakeSpec<O, I, N>,
): Package<O, I, CmakeSpec<O, I, N>, "out" | N[number]> =>
  scriptPackage<O, I, CmakeSpec<O, I, N>, "out" | N[number]>(
    spec,
    ({ configure }, context) => sh`cabCmake ${chosenArguments(configure?.(context))}
cabMake VERBOSE=1
cabInstall`,
    { rootfs: cmakeSeed },
  );
