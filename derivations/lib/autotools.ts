/** Builds what has a `configure` script, or what autoconf makes one of: configure, make, make install. */
import { type NoOptions, type NoPackages, type OptionSpecs, type Package, type Packages, raw, sh } from "@cab/core";
import autotoolsSeed from "../toolchain/autotools-seed.ts";
import { type Argument, type BuildContext, chosenArguments, type ScriptSpec, scriptPackage } from "./script-package.ts";

export interface AutotoolsSpec<O extends OptionSpecs, I extends Packages, N extends readonly string[]>
  extends ScriptSpec<O, I, N> {
  /** Runs `autoreconf` first: the archive comes without a `configure` script. */
  readonly autoreconf?: boolean;
  /** Arguments of `./configure` behind `--prefix`. */
  readonly configure?: (context: BuildContext<O, I>) => readonly Argument[];
  /** Arguments of `make`. */
  readonly make?: (context: BuildContext<O, I>) => readonly Argument[];
  /** Arguments of `make install`. */
  readonly install?: (context: BuildContext<O, I>) => readonly Argument[];
}

const AUTORECONF = raw("phase autoreconf\nautoreconf --force --install\n");

export const autotools = <
  const O extends OptionSpecs = NoOptions,
  const I extends Packages = NoPackages,
  const N extends readonly string[] = readonly ["dev"],
>(
  spec: AutotoolsSpec<O, I, N>,
): Package<O, I, AutotoolsSpec<O, I, N>, "out" | N[number]> =>
  scriptPackage<O, I, AutotoolsSpec<O, I, N>, "out" | N[number]>(
    spec,
    (
      { autoreconf, configure, make, install },
      context,
    ) => sh`${autoreconf ? AUTORECONF : []}cabConfigure ${chosenArguments(configure?.(context))}
cabMake ${chosenArguments(make?.(context))}
cabInstall ${chosenArguments(install?.(context))}`,
    spec.autoreconf ? { rootfs: autotoolsSeed } : {},
  );
