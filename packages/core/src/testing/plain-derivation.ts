/** The simplest derivation that is one: what a test starts from when it cares for one field. */
import { type ResolvedDerivation, SANDBOX_VERSION } from "../derivation.ts";

export const plainDerivation = (changes: Partial<ResolvedDerivation> = {}): ResolvedDerivation => ({
  name: "thing",
  system: "x86_64-linux",
  builder: "/bin/sh",
  args: [],
  env: {},
  rootfs: null,
  sandbox: SANDBOX_VERSION,
  inputDrvs: {},
  inputSrcs: [],
  outputs: { out: { _tag: "ContentAddressed" } },
  ...changes,
});
