/** What `bin/activate` prints, one event on a line, words separated by tabs: docs/formats/role.md. Pure. */
import type { Drift, ProbeResult, RoleStatus, ServiceStatus, StateVersion, UnitEvent } from "./activator.ts";

export type Line = readonly string[];

export const linesOf = (text: string): Line[] =>
  text.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")]));

/** What a role's own tasks print may be among the events; it is passed over. */
export const unitEvents = (lines: readonly Line[]): UnitEvent[] =>
  lines.flatMap(([kind, unit, why]) =>
    unit !== undefined && isUnitKind(kind) ? [{ kind, unit, why: why ?? null }] : [],
  );

const UNIT_KINDS = ["restart", "start", "stop", "keep", "ready"] as const;

const isUnitKind = (kind: string | undefined): kind is UnitEvent["kind"] => UNIT_KINDS.some((each) => each === kind);

export const probeResult = (lines: readonly Line[]): ProbeResult => {
  const named = (wanted: string): string[] =>
    lines.flatMap(([kind, name]) => (kind === wanted && name !== undefined ? [name] : []));
  return { healthy: named("healthy"), unhealthy: named("unhealthy") };
};

export const roleStatus = (lines: readonly Line[]): RoleStatus => ({
  running: lines.some(([kind, word]) => kind === "supervisor" && word === "up"),
  services: lines.flatMap(([kind, name, state, pid, seconds]): ServiceStatus[] =>
    kind === "service" && name !== undefined && state !== undefined
      ? [{ name, state, pid: numberOf(pid), seconds: numberOf(seconds) }]
      : [],
  ),
});

const numberOf = (word: string | undefined): number | null => (/^[0-9]{1,15}$/.test(word ?? "") ? Number(word) : null);

export const driftOf = (lines: readonly Line[]): Drift[] =>
  lines.flatMap(([kind, file]) =>
    (kind === "changed" || kind === "missing" || kind === "foreign") && file !== undefined ? [{ kind, file }] : [],
  );

export const statesOf = (lines: readonly Line[]): StateVersion[] =>
  lines.flatMap(([kind, name, format, version]) =>
    kind === "state" && name !== undefined ? [{ name, format: known(format), version: known(version) }] : [],
  );

const known = (word: string | undefined): string | null => (word === undefined || word === "-" ? null : word);
