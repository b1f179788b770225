/**
 * An interpreter together with packages and all that those import, as one store object: a virtual environment as Python
 * itself defines it (PEP 405). Whatever knows virtual environments knows it: bin/python3 runs in it, uwsgi takes its path,
 * and the packages' own programs, in its bin/, find what they import. Nothing is wrapped, and no variable is set.
 */
import {
  type AnyPackage,
  definePackage,
  fullName,
  local,
  type NoOptions,
  type Package,
  type Packages,
  sh,
} from "@cab/core";
import python3 from "../libraries/python3.ts";
import { importable, type WithPython } from "./python-package.ts";
import { stdenvRecipe } from "./stdenv.ts";

const script = local(import.meta, "./python-environment/make.sh");

export interface PythonEnvironmentSpec<P extends Packages> {
  readonly name: string;
  readonly version?: string;
  readonly packages: P;
}

type EnvironmentSpec<P extends Packages> = PythonEnvironmentSpec<P> & { readonly inputs: WithPython<P> };

export const pythonEnvironment = <const P extends Packages>(
  environment: PythonEnvironmentSpec<P>,
): Package<NoOptions, WithPython<P>, EnvironmentSpec<P>, "out"> =>
  definePackage<NoOptions, WithPython<P>, EnvironmentSpec<P>>(
    { ...environment, inputs: { python3, ...environment.packages } },
    ({ spec, inputs }, host) =>
      stdenvRecipe(
        {
          fullName: fullName(spec),
          outputs: ["out"],
          script: sh`source ${script}
fixup`,
          env: {
            name: spec.name,
            version: spec.version ?? "",
            python: inputs.python3,
            packages: importable(Object.values<AnyPackage>(inputs), host),
          },
        },
        host,
      ),
  );
