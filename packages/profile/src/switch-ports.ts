/** What moving a role from one generation to another needs of the outside, and what it tells meanwhile. */
import type { StorePath } from "@cab/core";
import type { Activator, Instance, UnitEvent } from "./activator.ts";
import { Refused } from "./failure.ts";
import type { Generation } from "./generation.ts";
import type { Manifest } from "./manifest.ts";
import type { ProfileFolder } from "./profile-folder.ts";

export interface SwitchPorts {
  readonly folder: ProfileFolder;
  readonly activator: Activator;
  /** Throws `NoRole` for an object that is none; undefined if the store does not hold it. */
  readonly manifest: (path: StorePath) => Promise<Manifest | undefined>;
  /** Where a generation's parameters lie, as programs of the role see them. */
  readonly paramsFile: (number: number) => string;
  /** Throws `SecretFound` if the value of a secret stands in what was written since the switch began. */
  readonly requireNoSecrets: () => Promise<void>;
  /** Whole seconds since 1970. */
  readonly now: () => number;
  readonly sleep: (seconds: number) => Promise<void>;
  /** Asks the switch to end; what it changed goes back. */
  readonly signal: AbortSignal;
  readonly emit: (event: SwitchEvent) => void;
}

export type SwitchEvent =
  | { readonly _tag: "Pending"; readonly number: number }
  | { readonly _tag: "Backup"; readonly state: string; readonly file: string }
  | { readonly _tag: "Converted"; readonly state: string; readonly from: string; readonly to: string }
  | { readonly _tag: "Supervisor" }
  | { readonly _tag: "Unit"; readonly event: UnitEvent }
  | { readonly _tag: "AwaitHealth"; readonly seconds: number; readonly probes: readonly string[] }
  | { readonly _tag: "GoingBack"; readonly number: number | null };

export const instanceOf = ({ paramsFile }: SwitchPorts, { path, number }: Generation): Instance => ({
  path,
  params: paramsFile(number),
});

/** The manifest of a generation whose objects must be here. */
export async function manifestOf({ folder, manifest }: SwitchPorts, generation: Generation): Promise<Manifest> {
  const found = await manifest(generation.path);
  if (found !== undefined) return found;
  const { number, path, commit } = generation;
  throw new Refused({ _tag: "GenerationGone", role: folder.role, generation: { number, path, commit } });
}

export function requireGoingOn({ signal }: SwitchPorts): void {
  if (signal.aborted) throw new Refused({ _tag: "Cancelled" });
}
