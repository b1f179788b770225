/**
 * Recordings of programs that forget to sync something, or do it too late: made from those of programs that do not. What is
 * not found in them is not looked for. Knows steps, not stores.
 */
import type { Step } from "./file-system.ts";
import type { Recording } from "./recording.ts";
import { descriptorIn } from "./system-calls.ts";

/** Says which syncs a fault is about, by the call and where its descriptor leads, below the folder. */
export type Syncs = (call: string, path: string) => boolean;

function syncsIn({ steps, calls }: Recording, folder: string, syncs: Syncs): number[] {
  return steps.flatMap((step, at) => {
    const call = calls[at];
    if (step._tag !== "Sync" || call === undefined) return [];
    return syncs(call.name, descriptorIn(call.args[0] ?? "").path.slice(folder.length + 1)) ? [at] : [];
  });
}

export interface Faulty extends Recording {
  /** How many syncs are not what they were. */
  readonly changed: number;
}

/** As if these syncs had never been asked for. */
export function without(recording: Recording, folder: string, syncs: Syncs): Faulty {
  const steps = [...recording.steps];
  const changed = syncsIn(recording, folder, syncs);
  for (const at of changed) steps[at] = { _tag: "Sync", of: -1, attributes: false, since: 0 };
  return { ...recording, steps, changed: changed.length };
}

/** As if each of these syncs had come only after the database's next commit. */
export function afterCommit(recording: Recording, folder: string, syncs: Syncs): Faulty {
  const chosen = new Set(syncsIn(recording, folder, syncs));
  const steps: Step[] = [];
  const calls: Recording["calls"][number][] = [];
  let late: number[] = [];
  for (const [at, step] of recording.steps.entries()) {
    const call = recording.calls[at];
    if (call === undefined) throw new Error("BUG: a step without its call");
    if (chosen.has(at)) {
      late.push(at);
      continue;
    }
    // What it brings was counted in steps of which some now come later.
    steps.push(step._tag === "Sync" ? { ...step, since: Math.min(step.since, steps.length) - late.length } : step);
    calls.push(call);
    if (step._tag !== "Write" || !step.isThrough) continue;
    for (const sync of late) {
      steps.push({ ...(recording.steps[sync] as Extract<Step, { _tag: "Sync" }>), since: steps.length });
      calls.push(recording.calls[sync] as Recording["calls"][number]);
    }
    late = [];
  }
  return { ...recording, steps, calls, changed: chosen.size };
}
