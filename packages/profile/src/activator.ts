/**
 * What cab asks a role's `bin/activate`, as a port: docs/formats/role.md says what each call does. Knows events and
 * answers; not how the program is run. Every call throws `Refused` where the program says that it failed.
 */
import type { StorePath } from "@cab/core";
import type { StateNow } from "./state-plan.ts";

/** Where a generation, or what might become one, has its parameters. */
export interface Instance {
  readonly path: StorePath;
  /** As the program sees it, below `/cab`. */
  readonly params: string;
}

export interface UnitEvent {
  readonly kind: "restart" | "start" | "stop" | "keep" | "ready";
  readonly unit: string;
  /** Of a restart. */
  readonly why: string | null;
}

export interface ServiceStatus {
  readonly name: string;
  readonly state: string;
  readonly pid: number | null;
  readonly seconds: number | null;
}

export interface RoleStatus {
  readonly running: boolean;
  readonly services: readonly ServiceStatus[];
}

export interface ProbeResult {
  readonly healthy: readonly string[];
  readonly unhealthy: readonly string[];
}

export interface Drift {
  readonly kind: "changed" | "missing" | "foreign";
  readonly file: string;
}

/** A state with the version of its data, by which `version` takes it; null where there is none. */
export interface StateVersion extends StateNow {
  readonly version: string | null;
}

export interface Activator {
  /** Checks parameters and secrets. Another format of the data is no failure here: what to do about it is cab's to say. */
  readonly check: (instance: Instance) => Promise<void>;
  readonly plan: (instance: Instance) => Promise<readonly UnitEvent[]>;
  readonly apply: (instance: Instance) => Promise<readonly UnitEvent[]>;
  readonly health: (path: StorePath) => Promise<ProbeResult>;
  readonly status: (path: StorePath) => Promise<RoleStatus>;
  /** Stops the services; the supervisor goes on. */
  readonly halt: (path: StorePath) => Promise<void>;
  /** Stops the services and the supervisor. */
  readonly stop: (path: StorePath) => Promise<void>;
  readonly drift: (path: StorePath) => Promise<readonly Drift[]>;
  readonly state: (path: StorePath) => Promise<readonly StateVersion[]>;
  /** `backup`: a name below `.backups`. */
  readonly backup: (path: StorePath, name: string, backup: string) => Promise<void>;
  /** Stops the services first, as does `version`. */
  readonly restore: (instance: Instance, name: string, backup: string) => Promise<void>;
  readonly version: (path: StorePath, name: string, version: string) => Promise<void>;
  /** Starts the supervisor of this object, and returns when it runs. */
  readonly supervise: (path: StorePath) => Promise<void>;
}
