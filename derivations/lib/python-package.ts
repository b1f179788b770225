/**
 * Python packages: a library or a C extension becomes a wheel by its own build backend (PEP 517), and the wheel is
 * installed for the interpreter among its inputs. An extension finds C libraries as every C program does. Knows nothing of
 * how a program finds its packages: that is python-environment.ts.
 */
import {
  type AnyPackage,
  type DeriveHost,
  type NoOptions,
  type NoPackages,
  type OptionSpecs,
  type Package,
  type Packages,
  sh,
} from "@cab/core";
import python3 from "../libraries/python3.ts";
import pythonBuildTools from "../toolchain/python-build-tools.ts";
import { pythonPhases } from "./python-phases.ts";
import { type ScriptSpec, scriptPackage } from "./script-package.ts";

export interface PythonSpec<O extends OptionSpecs, I extends Packages, N extends readonly string[]>
  extends ScriptSpec<O, I, N> {
  /** Python packages that are imported at run time are inputs like C libraries. */
  readonly inputs?: I;
  /** What must be importable at the end. */
  readonly modules: readonly string[];
}

export type WithPython<I extends Packages> = I & { readonly python3: AnyPackage };

export type PythonPackage<
  O extends OptionSpecs = OptionSpecs,
  I extends Packages = Packages,
  N extends readonly string[] = readonly string[],
> = Package<O, WithPython<I>, PythonSpec<O, WithPython<I>, N>, "out" | N[number]>;

/** It has one output unless the recipe says otherwise. */
export const pythonPackage = <
  const O extends OptionSpecs = NoOptions,
  const I extends Packages = NoPackages,
  const N extends readonly string[] = readonly [],
>(
  spec: PythonSpec<O, I, N>,
): PythonPackage<O, I, N> =>
  scriptPackage<O, WithPython<I>, PythonSpec<O, WithPython<I>, N>, "out" | N[number]>(
    {
      ...spec,
      inputs: { python3, ...(spec.inputs ?? ({} as I)) },
      disallowedReferences: [pythonBuildTools, ...(spec.disallowedReferences ?? [])],
    },
    (_, { inputs }, host) => sh`${pythonPhases(inputs.python3, importable(Object.values<AnyPackage>(inputs), host))}
pythonUse ${pythonBuildTools}
pythonBuild
pythonInstall`,
    { outputs: [], beforeFixup: ({ modules }) => sh`pythonFinish ${modules}` },
  );

/** The Python packages among these, and those that they import in turn, each once. */
export function importable(packages: readonly AnyPackage[], { resolve }: DeriveHost): AnyPackage[] {
  const found = new Set(packages.filter(isPythonPackage));
  for (const of of found)
    for (const input of Object.values(of.inputs).map(resolve)) if (isPythonPackage(input)) found.add(input);
  return [...found];
}

const isPythonPackage = (of: AnyPackage): of is PythonPackage =>
  "spec" in of && typeof of.spec === "object" && of.spec !== null && "modules" in of.spec;
