/**
 * Moves a role from one generation to another: pending, data, services, health, current; and back if any of it fails.
 *
 * Every step can be done again. Killed anywhere, `current` is still the old generation, or already the new one, and the data is
 * of one of their formats; whoever comes next goes on from what the links, the records and the data say. `current` is
 * replaced last, by one rename.
 */
import type { StorePath } from "@cab/core";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import type { Instance, UnitEvent } from "./activator.ts";
import { convertState, plannedState, returnState, statePlan } from "./convert-state.ts";
import { attempt, type ProfileFailure, Refused, type Returned } from "./failure.ts";
import {
  currentGeneration,
  type Generation,
  type GenerationRecord,
  generationBefore,
  generationNumbered,
  type Profile,
  type Provenance,
} from "./generation.ts";
import { awaitHealth, ensureSupervisor, fitsData, isHealthy, runGeneration } from "./run-generation.ts";
import type { StatePlan } from "./state-plan.ts";
import { manifestOf, requireGoingOn, type SwitchPorts } from "./switch-ports.ts";

export interface SwitchRequest extends Provenance {
  readonly path: StorePath;
  readonly params: Uint8Array;
  /** Where the same parameters lie for the role's programs, before there is a generation of them. */
  readonly draft: string;
  /** Whether to start a supervisor where none runs. */
  readonly start: boolean;
}

export interface Switched {
  readonly number: number;
  /** Null if there was none before, or nothing had to change. */
  readonly from: number | null;
  readonly isNew: boolean;
  /** Of its services; null if they were not started. */
  readonly healthy: boolean | null;
}

/** Makes a generation of a role's object with these parameters, and moves to it. */
export const switchTo = (ports: SwitchPorts, request: SwitchRequest): TaskEither<ProfileFailure, Switched> =>
  attempt(async () => {
    const profile = await settledProfile(ports);
    const draft: Instance = { path: request.path, params: request.draft };
    await ports.activator.check(draft);
    const current = currentGeneration(profile);
    if (current !== undefined && profile.pending === null && (await isSame(ports, current, request))) {
      return renew(ports, current, request.start);
    }
    const record = await nextRecord(ports, profile, request);
    await plannedState(ports, profile, { target: record, discardWrites: false });
    requireGoingOn(ports);
    await ports.folder.add(record, request.params);
    return move(ports, { target: record, start: request.start, discardWrites: false });
  });

export interface RollbackRequest {
  /** Undefined: the one before the current one. */
  readonly to: number | undefined;
  readonly discardWrites: boolean;
  readonly start: boolean;
}

export const rollback = (ports: SwitchPorts, request: RollbackRequest): TaskEither<ProfileFailure, Switched> =>
  attempt(async () => {
    const profile = await settledProfile(ports);
    const target = rollbackTarget(profile, request.to);
    await manifestOf(ports, target);
    return target.number === profile.current && profile.pending === null
      ? renew(ports, target, request.start)
      : move(ports, { ...request, target });
  });

function rollbackTarget(profile: Profile, to: number | undefined): Generation {
  const { role } = profile;
  const current = currentGeneration(profile);
  const chosen = to === undefined && current !== undefined ? generationBefore(profile, current) : undefined;
  const target = to === undefined ? chosen : generationNumbered(profile, to);
  if (target !== undefined) return target;
  if (to === undefined && current !== undefined) {
    throw new Refused({ _tag: "NothingBefore", role, number: current.number });
  }
  throw new Refused({ _tag: "NoGeneration", role, number: to ?? null });
}

/**
 * Runs what this host is to run after a start: the current generation; or, where a switch was interrupted after it had converted the data,
 * what that one was about to make current. Undefined if there is none yet.
 */
export const resume = (ports: SwitchPorts): TaskEither<ProfileFailure, Switched | undefined> =>
  attempt(async () => {
    const profile = await settledProfile(ports);
    const current = currentGeneration(profile);
    const pending = generationNumbered(profile, profile.pending);
    if (current !== undefined && (await fitsData(ports, current, await manifestOf(ports, current)))) {
      await ensureSupervisor(ports, current, true);
      await runGeneration(ports, current);
      if (pending !== undefined) await giveUp(ports, pending, "unknown");
      return { number: current.number, from: null, isNew: false, healthy: await isHealthy(ports, current) };
    }
    const target = pending ?? current;
    return target === undefined ? undefined : move(ports, { target, start: true, discardWrites: false });
  });

export interface SwitchPreview {
  readonly current: Generation | undefined;
  readonly units: readonly UnitEvent[];
  readonly state: StatePlan;
}

/** What `switchTo` would do; changes nothing. */
export const previewSwitch = (ports: SwitchPorts, request: SwitchRequest): TaskEither<ProfileFailure, SwitchPreview> =>
  attempt(async () => {
    const draft: Instance = { path: request.path, params: request.draft };
    await ports.activator.check(draft);
    const profile = await ports.folder.read();
    const target = newRecord(profile, request);
    return {
      current: currentGeneration(profile),
      units: await ports.activator.plan(draft),
      state: await statePlan(ports, profile, { target, discardWrites: false }),
    };
  });

/** A switch that was killed behind its last rename is finished here. */
async function settledProfile({ folder }: SwitchPorts): Promise<Profile> {
  const profile = await folder.read();
  const current = currentGeneration(profile);
  if (current === undefined || profile.pending !== profile.current) return profile;
  await finish({ folder }, profile, current);
  return folder.read();
}

async function isSame({ folder }: SwitchPorts, generation: Generation, request: SwitchRequest): Promise<boolean> {
  if (generation.path !== request.path) return false;
  const params = await folder.params(generation.number);
  return params !== undefined && Buffer.compare(params, request.params) === 0;
}

/** Of the interrupted switch that this one repeats, or a new one. */
async function nextRecord(ports: SwitchPorts, profile: Profile, request: SwitchRequest): Promise<GenerationRecord> {
  const fresh = newRecord(profile, request);
  for (const each of profile.generations.toReversed()) {
    if (each.outcome === "pending" && (await isSame(ports, each, request))) {
      return { ...fresh, number: each.number, state: each.state };
    }
  }
  return fresh;
}

const newRecord = ({ next, current }: Profile, { path, made, commit }: SwitchRequest): GenerationRecord => ({
  version: 1,
  number: next,
  path,
  made,
  commit,
  outcome: "pending",
  health: "unknown",
  from: current,
  state: [],
});

/** Nothing is new; but what somebody stopped or damaged is put right. */
async function renew(ports: SwitchPorts, current: Generation, start: boolean): Promise<Switched> {
  const running = await ensureSupervisor(ports, current, start);
  if (running) {
    await runGeneration(ports, current);
    await awaitHealth(ports, current);
    await ports.requireNoSecrets();
  }
  return { number: current.number, from: null, isNew: false, healthy: running ? true : null };
}

interface Move {
  readonly target: Generation;
  readonly start: boolean;
  readonly discardWrites: boolean;
}

async function move(ports: SwitchPorts, { target, start, discardWrites }: Move): Promise<Switched> {
  const { folder, emit } = ports;
  const profile = await folder.read();
  const { steps } = await plannedState(ports, profile, { target, discardWrites });
  const before = await generationToReturnTo(ports, profile);
  const hadSupervisor = (await ports.activator.status(target.path)).running;
  const running = await ensureSupervisor(ports, target, start);
  // An attempt that was killed may have let its services write already.
  let written = before !== undefined && !(await fitsData(ports, before, await manifestOf(ports, before)));
  await folder.point("pending", target.number);
  emit({ _tag: "Pending", number: target.number });
  let reached: Generation = target;
  try {
    reached = await convertState(ports, profile, { target, steps, running });
    requireGoingOn(ports);
    if (running) {
      written = true;
      await runGeneration(ports, reached);
      await awaitHealth(ports, reached);
      await ports.requireNoSecrets();
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const from = (await folder.read()).generations.find(({ number }) => number === target.number) ?? reached;
    const way: Return = { from, to: before, running, hadSupervisor, written, cause: error.failure };
    throw new Refused(await goBack(ports, way));
  }
  const arrived: Generation = { ...reached, health: running ? "healthy" : "unknown" };
  await folder.write(arrived);
  await folder.point("current", target.number);
  await finish(ports, profile, arrived);
  return { number: target.number, from: profile.current, isNew: true, healthy: running ? true : null };
}

/** The current one; undefined if there is none, or its objects are gone: that must not keep anybody from moving on. */
async function generationToReturnTo({ manifest }: SwitchPorts, profile: Profile): Promise<Generation | undefined> {
  const current = currentGeneration(profile);
  return current !== undefined && (await manifest(current.path)) !== undefined ? current : undefined;
}

/** Behind the last rename: the records say what the links say already. */
async function finish(
  { folder }: Pick<SwitchPorts, "folder">,
  { generations }: Profile,
  current: Generation,
): Promise<void> {
  for (const each of generations) {
    if (each.outcome === "current" && each.number !== current.number) {
      await folder.write({ ...each, outcome: "replaced" });
    }
  }
  await folder.write({ ...current, outcome: "current" });
  await folder.unpoint("pending");
}

interface Return {
  readonly from: Generation;
  readonly to: Generation | undefined;
  readonly running: boolean;
  /** Whether a supervisor ran before the switch. */
  readonly hadSupervisor: boolean;
  readonly written: boolean;
  readonly cause: ProfileFailure;
}

async function goBack(ports: SwitchPorts, way: Return): Promise<ProfileFailure> {
  const { from, to, cause } = way;
  ports.emit({ _tag: "GoingBack", number: to?.number ?? null });
  const returned = await attempt(() => (to === undefined ? toNothing(ports, way) : backTo(ports, to, way)))();
  return {
    _tag: "SwitchFailed",
    role: ports.folder.role,
    number: from.number,
    cause,
    returned:
      returned._tag === "Right"
        ? returned.right
        : { _tag: "Failed", number: to?.number ?? from.number, cause: returned.left },
  };
}

async function toNothing(ports: SwitchPorts, { from, running, hadSupervisor, cause }: Return): Promise<Returned> {
  if (running) await (hadSupervisor ? ports.activator.halt(from.path) : ports.activator.stop(from.path));
  await giveUp(ports, from, healthThen(cause));
  return { _tag: "ToNothing" };
}

async function backTo(ports: SwitchPorts, to: Generation, way: Return): Promise<Returned> {
  const { from, running, written, cause } = way;
  const profile = await ports.folder.read();
  const fits = await fitsData(ports, to, await manifestOf(ports, to));
  if (!fits && running) await ports.activator.halt(from.path);
  const setAside = fits ? [] : await returnState(ports, profile, { from, to, written });
  if (running) await runGeneration(ports, to);
  const healthy = running && (await isHealthy(ports, to));
  // Only now: until the old services have their data, an interrupted return must be found and ended by whoever comes next.
  await giveUp(ports, from, healthThen(cause));
  return { _tag: "To", number: to.number, healthy, setAside };
}

const healthThen = ({ _tag }: ProfileFailure): GenerationRecord["health"] =>
  _tag === "Unhealthy" ? "unhealthy" : "unknown";

async function giveUp(
  { folder }: SwitchPorts,
  { number }: Generation,
  health: GenerationRecord["health"],
): Promise<void> {
  const generation = generationNumbered(await folder.read(), number);
  if (generation !== undefined && generation.outcome !== "current") {
    // One that was current once, and was only to be so again, stays what it was.
    const outcome = generation.outcome === "replaced" ? "replaced" : "failed";
    await folder.write({ ...generation, outcome, health: outcome === "failed" ? health : generation.health });
  }
  await folder.unpoint("pending");
}
