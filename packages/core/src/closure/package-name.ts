/** Package, version and output in the name of a store object. A reading of text: nothing is looked up. */
import type { StorePath } from "../store-path.ts";
import { namePart } from "../store-path.ts";

export interface PackageName {
  readonly name: string;
  /** Empty for a name without one, such as a role's. */
  readonly version: string;
  /** `out` unless the name ends otherwise. */
  readonly output: string;
}

/** Outputs that the builders make; any other one would be taken for a part of the version. */
const OUTPUTS = ["dev", "doc", "debug"];

/** The version begins behind the first dash that a digit follows, as in Nix; the output is one of the usual names at the end. */
export function packageName(path: StorePath): PackageName {
  const whole = namePart(path);
  const output = OUTPUTS.find((suffix) => whole.endsWith(`-${suffix}`)) ?? "out";
  const text = output === "out" ? whole : whole.slice(0, -output.length - 1);
  const dash = text.search(/-[0-9]/);
  return dash === -1
    ? { name: text, version: "", output }
    : { name: text.slice(0, dash), version: text.slice(dash + 1), output };
}
