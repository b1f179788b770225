/**
 * Makes a generation the one whose services run, and waits until they are healthy. Knows no way back. It is the only door
 * through which cab starts services, and lets none see data of a format that is not theirs.
 */
import { attempt, Refused } from "./failure.ts";
import type { Generation } from "./generation.ts";
import type { Manifest } from "./manifest.ts";
import { foreignTo } from "./state-plan.ts";
import { instanceOf, manifestOf, requireGoingOn, type SwitchPorts } from "./switch-ports.ts";

/** Between two probes. */
const PAUSE_SECONDS = 0.5;

export async function runGeneration(ports: SwitchPorts, generation: Generation): Promise<void> {
  const manifest = await manifestOf(ports, generation);
  await requireOwnData(ports, generation, manifest);
  const events = await ports.activator.apply(instanceOf(ports, generation));
  for (const event of events) ports.emit({ _tag: "Unit", event });
}

export async function fitsData(
  { activator }: SwitchPorts,
  { path }: Generation,
  { state }: Manifest,
): Promise<boolean> {
  return foreignTo(state, await activator.state(path)).length === 0;
}

async function requireOwnData(ports: SwitchPorts, { path }: Generation, { state }: Manifest): Promise<void> {
  const refusals = foreignTo(state, await ports.activator.state(path)).map(({ name, format }) => ({
    name,
    found: format ?? "",
    wanted: state.get(name)?.format ?? "",
    reason: "unreadable" as const,
    hasBackup: false,
  }));
  if (refusals.length > 0) throw new Refused({ _tag: "StateRefused", role: ports.folder.role, refusals });
}

/** Asks until every probe says yes; ends with `Unhealthy` when the role's own patience is over. */
export async function awaitHealth(ports: SwitchPorts, generation: Generation): Promise<void> {
  const { seconds, probes } = (await manifestOf(ports, generation)).health;
  ports.emit({ _tag: "AwaitHealth", seconds, probes });
  const deadline = ports.now() + seconds;
  for (;;) {
    const { unhealthy } = await ports.activator.health(generation.path);
    if (unhealthy.length === 0) return;
    requireGoingOn(ports);
    if (ports.now() >= deadline) throw new Refused({ _tag: "Unhealthy", probes: unhealthy, seconds });
    await ports.sleep(PAUSE_SECONDS);
  }
}

export async function isHealthy(ports: SwitchPorts, generation: Generation): Promise<boolean> {
  // Whoever asked us to end wants what was there before, and that needs its time too.
  const steadfast = { ...ports, signal: new AbortController().signal };
  const healthy = await attempt(() => awaitHealth(steadfast, generation))();
  return healthy._tag === "Right";
}

/** Whether there is a supervisor to hand services to; one is started if `start` allows it. */
export async function ensureSupervisor(ports: SwitchPorts, { path }: Generation, start: boolean): Promise<boolean> {
  const { activator, folder, emit } = ports;
  if ((await activator.status(path)).running) return true;
  if (!start) return false;
  // It goes on running this object's programs behind later switches, whose generations may not need them.
  await folder.hold("supervisor", path);
  await activator.supervise(path);
  emit({ _tag: "Supervisor" });
  return true;
}
