/**
 * What happens to each state when a generation takes over: it stays, is converted, goes back to a backup, or the
 * whole thing is refused. Pure: a table of formats. The rule above all others: no program opens data of a format that is
 * not its own.
 */
import type { StateSpec } from "./manifest.ts";

/** A state as it is on the host. */
export interface StateNow {
  readonly name: string;
  /** Of the data; null where there is none yet. */
  readonly format: string | null;
}

/** A generation whose programs are here, and what formats they read. */
export interface Reader {
  readonly number: number;
  readonly state: ReadonlyMap<string, StateSpec>;
}

/** A backup of a state, written by programs of this format. */
export interface StateBackup {
  readonly name: string;
  readonly format: string;
  readonly file: string;
}

export interface StateQuestion {
  readonly now: readonly StateNow[];
  readonly target: Reader;
  /** Generations that might read what the target does not, those to ask first in front. */
  readonly readers: readonly Reader[];
  /** Newest first. */
  readonly backups: readonly StateBackup[];
  /** Whether what was written since such a backup may be lost. */
  readonly discardWrites: boolean;
}

export type StateStep =
  | { readonly _tag: "Keep"; readonly name: string }
  /** Dump with the programs of the generation `reader`, and load that with the target's. */
  | {
      readonly _tag: "Convert";
      readonly name: string;
      readonly from: string;
      readonly to: string;
      readonly reader: number;
    }
  /** Load the backup; what was written since is lost. */
  | {
      readonly _tag: "Discard";
      readonly name: string;
      readonly from: string;
      readonly to: string;
      readonly backup: string;
    };

export interface StateRefusal {
  readonly name: string;
  readonly found: string;
  readonly wanted: string;
  /**
   * `unreadable`: no generation that is here reads the data. `unconvertible`: one does, but the two have no text in common.
   * `no-backup`: writes may be discarded, but nothing older is there to restore.
   */
  readonly reason: "unreadable" | "unconvertible" | "no-backup";
  /** Whether an older backup could be restored if writes might be discarded. */
  readonly hasBackup: boolean;
}

export interface StatePlan {
  readonly steps: readonly StateStep[];
  readonly refusals: readonly StateRefusal[];
}

export function planState({ now, target, readers, backups, discardWrites }: StateQuestion): StatePlan {
  const steps: StateStep[] = [];
  const refusals: StateRefusal[] = [];
  for (const { name, format } of now) {
    const spec = target.state.get(name);
    if (spec === undefined || format === null || format === spec.format) {
      steps.push({ _tag: "Keep", name });
      continue;
    }
    const backup = backups.find((each) => each.name === name && each.format === spec.format);
    const refuse = (reason: StateRefusal["reason"]): void => {
      refusals.push({ name, found: format, wanted: spec.format, reason, hasBackup: backup !== undefined });
    };
    if (discardWrites) {
      if (backup === undefined) refuse("no-backup");
      else steps.push({ _tag: "Discard", name, from: format, to: spec.format, backup: backup.file });
      continue;
    }
    const reading = readers.filter(({ state }) => state.get(name)?.format === format);
    const reader = reading.find(({ state }) => spec.converts !== null && state.get(name)?.converts === spec.converts);
    if (reader !== undefined) {
      steps.push({ _tag: "Convert", name, from: format, to: spec.format, reader: reader.number });
    } else {
      refuse(reading.length === 0 ? "unreadable" : "unconvertible");
    }
  }
  return { steps, refusals };
}

/** The states whose data these programs must not open. */
export const foreignTo = (state: ReadonlyMap<string, StateSpec>, now: readonly StateNow[]): StateNow[] =>
  now.filter(({ name, format }) => {
    const spec = state.get(name);
    return spec !== undefined && format !== null && format !== spec.format;
  });
