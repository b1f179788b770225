/** Runs the realiser against a world, as a test wants it: defaults for what the test does not speak of. */
import type { DrvHash, DrvOutput } from "../derivation.ts";
import type { SubstituterPort } from "../ports.ts";
import type { RealiseEvent } from "../realise/event.ts";
import type { DerivationOf } from "../realise/graph.ts";
import { type Plan, plan } from "../realise/plan.ts";
import { type Realised, type RealisePorts, type RealiseRequest, realise } from "../realise/realise.ts";
import type { World } from "./memory-world.ts";

export interface Run extends Partial<Omit<RealiseRequest, "roots" | "derivation">> {
  readonly world: World;
  readonly derivation: DerivationOf;
  /** Their `out` is wanted, unless outputs are named. */
  readonly roots: readonly (DrvHash | RealiseRequest["roots"][number])[];
  readonly substituters?: readonly SubstituterPort[];
  readonly signal?: AbortSignal;
  readonly emit?: (event: RealiseEvent) => void;
}

export type Realiser = typeof realise;

export const runRealise = (run: Run, realiser: Realiser = realise): Promise<Realised> =>
  realiser(requestOf(run))(portsOf(run))();

export const runPlan = (run: Run): Promise<Plan> => plan(requestOf(run))(portsOf(run))();

const requestOf = ({
  derivation,
  roots,
  sandboxTools,
  jobs,
  downloads,
  keepOutputs,
  keepGoing,
}: Run): RealiseRequest => ({
  derivation,
  roots: roots.map((root) => (typeof root === "string" ? { drv: root, outputs: ["out"] } : root)),
  sandboxTools: sandboxTools ?? null,
  jobs: jobs ?? 2,
  downloads: downloads ?? 2,
  keepOutputs: keepOutputs ?? false,
  keepGoing: keepGoing ?? false,
});

const portsOf = ({ world, substituters, signal, emit }: Run): RealisePorts => ({
  store: world.store,
  builder: world.builder,
  substituters: substituters ?? [],
  emit: emit ?? (() => {}),
  now: () => 0,
  signal: signal ?? new AbortController().signal,
});

export const out = (drv: DrvHash): DrvOutput => ({ drv, output: "out" });
