/**
 * Gives a generation data that its programs can open, and takes it back. What is replaced is written down in the generation's
 * record first; the role's programs replace it by one rename, so every state is of the old format or the new one at
 * any moment. No service may run.
 */
import { Refused } from "./failure.ts";
import type { Generation, Profile, StateBefore } from "./generation.ts";
import { currentGeneration, generationNumbered } from "./generation.ts";
import { planState, type Reader, type StateBackup, type StatePlan, type StateStep } from "./state-plan.ts";
import { instanceOf, manifestOf, requireGoingOn, type SwitchPorts } from "./switch-ports.ts";

/** Refused if some data could not be given to the target. */
export async function plannedState(
  ports: SwitchPorts,
  profile: Profile,
  { target, discardWrites }: { readonly target: Generation; readonly discardWrites: boolean },
): Promise<StatePlan> {
  const plan = await statePlan(ports, profile, { target, discardWrites });
  if (plan.refusals.length === 0) return plan;
  throw new Refused({ _tag: "StateRefused", role: profile.role, refusals: plan.refusals });
}

export async function statePlan(
  ports: SwitchPorts,
  profile: Profile,
  { target, discardWrites }: { readonly target: Generation; readonly discardWrites: boolean },
): Promise<StatePlan> {
  const manifest = await manifestOf(ports, target);
  return planState({
    now: await ports.activator.state(target.path),
    target: { number: target.number, state: manifest.state },
    readers: await readersOf(ports, profile, target.number),
    backups: backupsOf(profile),
    discardWrites,
  });
}

/** Whose data it most likely is, first. What the store does not hold any more, or what is no role, reads nothing. */
async function readersOf(ports: SwitchPorts, profile: Profile, target: number): Promise<Reader[]> {
  const newestFirst = profile.generations.toReversed();
  const likely = [currentGeneration(profile), generationNumbered(profile, profile.pending), ...newestFirst];
  const readers = new Map<number, Reader>();
  for (const generation of likely) {
    if (generation === undefined || generation.number === target || readers.has(generation.number)) continue;
    const manifest = await ports.manifest(generation.path);
    if (manifest !== undefined) readers.set(generation.number, { number: generation.number, state: manifest.state });
  }
  return [...readers.values()];
}

const backupsOf = ({ generations }: Profile): StateBackup[] =>
  generations
    .flatMap(({ state }) => state)
    .toSorted((a, b) => b.made - a.made)
    .flatMap(({ name, format, backup }) => (backup === null ? [] : [{ name, format, file: backup }]));

/** Does what was planned; the result is the target with what its record says by now. */
export async function convertState(
  ports: SwitchPorts,
  profile: Profile,
  {
    target,
    steps,
    running,
  }: { readonly target: Generation; readonly steps: readonly StateStep[]; readonly running: boolean },
): Promise<Generation> {
  const replaced = steps.filter((step) => step._tag !== "Keep");
  if (replaced.length === 0) return target;
  if (running) await ports.activator.halt(target.path);
  let recorded = target;
  for (const step of replaced) {
    requireGoingOn(ports);
    recorded = await replaceState(ports, profile, { target: recorded, step });
  }
  return recorded;
}

async function replaceState(
  ports: SwitchPorts,
  profile: Profile,
  { target, step }: { readonly target: Generation; readonly step: Exclude<StateStep, { readonly _tag: "Keep" }> },
): Promise<Generation> {
  const { activator, folder, emit } = ports;
  const { name, from, to } = step;
  const version = (await activator.state(target.path)).find((each) => each.name === name)?.version;
  if (version === undefined || version === null) throw new Error(`BUG: the data of ${name} is gone`);
  const made = ports.now();
  const backup = step._tag === "Convert" ? `${name}.${target.number}.${made}.gz` : step.backup;
  if (step._tag === "Convert") {
    const reader = generationNumbered(profile, step.reader);
    if (reader === undefined) throw new Error(`BUG: there is no generation ${step.reader}`);
    await activator.backup(reader.path, name, backup);
    emit({ _tag: "Backup", state: name, file: backup });
  }
  const before: StateBefore = { name, format: from, version, backup: step._tag === "Convert" ? backup : null, made };
  const recorded = { ...target, state: [...target.state, before] };
  await folder.write(recorded);
  await activator.restore(instanceOf(ports, target), name, backup);
  emit({ _tag: "Converted", state: name, from, to });
  return recorded;
}

export interface WayBack {
  readonly from: Generation;
  readonly to: Generation;
  /** Whether services of `from` may have written. */
  readonly written: boolean;
}

/**
 * Gives the data back to the generation before. What services wrote meanwhile goes with it where it can be converted; else
 * the version from before is taken, and the other one is set aside: the result names these.
 */
export async function returnState(ports: SwitchPorts, profile: Profile, back: WayBack): Promise<readonly string[]> {
  const { activator } = ports;
  const { state } = await manifestOf(ports, back.to);
  const now = await activator.state(back.to.path);
  const plan = await statePlan(ports, profile, { target: back.to, discardWrites: false });
  const setAside: string[] = [];
  for (const { name, format, version } of now) {
    const wanted = state.get(name)?.format;
    if (wanted === undefined || format === null || format === wanted) continue;
    const before = back.from.state.findLast((each) => each.name === name && each.format === wanted);
    const step = plan.steps.find((each) => each._tag === "Convert" && each.name === name);
    const isWorthDumping = back.written && before?.backup !== null;
    if (step?._tag === "Convert" && (isWorthDumping || before === undefined)) {
      if (await converted(ports, profile, { target: back.to, step, isLastWay: before === undefined })) continue;
    }
    if (before === undefined) {
      const refusals = plan.refusals.filter((each) => each.name === name);
      throw new Refused({ _tag: "StateRefused", role: profile.role, refusals });
    }
    await activator.version(back.to.path, name, before.version);
    if (back.written && version !== null) setAside.push(version);
  }
  return setAside;
}

/** False if it failed and there is another way. */
async function converted(
  ports: SwitchPorts,
  profile: Profile,
  {
    target,
    step,
    isLastWay,
  }: {
    readonly target: Generation;
    readonly step: Extract<StateStep, { readonly _tag: "Convert" }>;
    readonly isLastWay: boolean;
  },
): Promise<boolean> {
  try {
    await replaceState(ports, profile, { target, step });
    return true;
  } catch (error) {
    if (isLastWay || !(error instanceof Refused)) throw error;
    return false;
  }
}
