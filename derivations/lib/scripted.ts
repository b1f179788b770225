/** Builds what has a way of its own to be built, by shell code alone. */
import type { NoOptions, NoPackages, OptionSpecs, Package, Packages, Text } from "@cab/core";
import { type BuildContext, type ScriptSpec, scriptPackage } from "./script-package.ts";

export interface ScriptedSpec<O extends OptionSpecs, I extends Packages, N extends readonly string[]>
  extends ScriptSpec<O, I, N> {
  /** From the patched source to what is installed in `$out`. */
  readonly build: (context: BuildContext<O, I>) => Text;
}

export const scripted = <
  const O extends OptionSpecs = NoOptions,
  const I extends Packages = NoPackages,
  const N extends readonly string[] = readonly ["dev"],
>(
  spec: ScriptedSpec<O, I, N>,
): Package<O, I, ScriptedSpec<O, I, N>, "out" | N[number]> =>
  scriptPackage<O, I, ScriptedSpec<O, I, N>, "out" | N[number]>(spec, ({ build }, context) => build(context));
