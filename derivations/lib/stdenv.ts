/**
 * The build environment that everything made by a script shares: the seed as root, the compiler wrapper, libc, and the
 * shell library `stdenv/`, whose `setup.sh` documents the variables. Knows nothing of phases or packages.
 */
import {
  type AnyPackage,
  contentAddressed,
  type DerivationRecipe,
  type DeriveHost,
  type Hole,
  local,
  type OutputRef,
  sh,
  type Text,
} from "@cab/core";
import seed from "../toolchain/seed.ts";
import { toolchainFor } from "./toolchain.ts";

const stdenv = local(import.meta, "./stdenv");

export interface StdenvScript {
  /** `<name>-<version>`. */
  readonly fullName: string;
  /** Output names, `out` first. */
  readonly outputs: readonly string[];
  /** Runs behind `setup.sh`; ends with `fixup`. */
  readonly script: Text;
  readonly env: Readonly<Record<string, Hole | undefined>>;
  /** The seed, unless more of the distribution's tools are needed. */
  readonly rootfs?: AnyPackage;
}

export function stdenvRecipe(of: StdenvScript, { platform }: DeriveHost): DerivationRecipe {
  const { cc, libc } = toolchainFor(platform);
  return {
    name: of.fullName,
    builder: "/bin/bash",
    args: [
      "-ec",
      sh`source ${stdenv}/setup.sh
${of.script}`,
    ],
    env: {
      outputs: of.outputs.join(" "),
      // What a script may leave out: empty, since setup.sh treats an unset variable as a mistake.
      src: "",
      patches: "",
      inputs: "",
      tools: "",
      cc,
      libc,
      stdenv,
      ...of.env,
    },
    rootfs: of.rootfs ?? seed,
    outputs: contentAddressed(of.outputs),
  };
}

/** What a dependent is built with: headers and pkg-config files first, then the libraries. */
export const buildOutputs = (input: AnyPackage): OutputRef[] =>
  ["dev", "out"].flatMap((output) => input.outputs[output] ?? []);
