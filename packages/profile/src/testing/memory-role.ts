/**
 * A role on a host in memory, for tests of the algorithm: what its programs do to services and data, and nothing of how. It says
 * at once when a program is given data of a format that is not its own.
 */
import type { StorePath } from "@cab/core";
import type { Activator, Instance, StateVersion } from "../activator.ts";
import { Refused } from "../failure.ts";
import type { Manifest, StateSpec } from "../manifest.ts";

export interface MemoryRole {
  readonly state: Readonly<Record<string, StateSpec>>;
  readonly healthy: boolean;
  /** Whether `apply` ends well. */
  readonly starts: boolean;
}

interface Data {
  readonly format: string;
  readonly version: string;
  /** What was written, in order: conversions keep it, going back to a version does not. */
  readonly written: readonly string[];
}

export interface MemoryHost {
  readonly activator: Activator;
  readonly manifest: (path: StorePath) => Promise<Manifest | undefined>;
  /** What a client writes now, if services run. */
  readonly write: (words: string) => void;
  readonly running: () => Instance | undefined;
  readonly data: () => ReadonlyMap<string, Data>;
  readonly supervised: () => boolean;
  /** Services that were started so far. */
  readonly starts: () => number;
  /** The machine restarts. */
  readonly reboot: () => void;
}

export const ROLE = "directory";

const failed = (call: string, said: string): Refused =>
  new Refused({ _tag: "ActivateFailed", call, code: 1, said: [said] });

export function memoryHost(objects: ReadonlyMap<StorePath, MemoryRole>): MemoryHost {
  let supervised = false;
  let running: Instance | undefined;
  let started = 0;
  let versions = 0;
  const data = new Map<string, Data>();
  const kept = new Map<string, Data>();
  const backups = new Map<string, { readonly converts: string; readonly written: readonly string[] }>();

  const roleOf = (path: StorePath): MemoryRole => {
    const role = objects.get(path);
    if (role === undefined) throw new Error(`BUG: a program of ${path} is run, which is not here`);
    return role;
  };
  const specOf = (path: StorePath, name: string): StateSpec => roleOf(path).state[name] as StateSpec;
  const set = (name: string, format: string, written: readonly string[]): void => {
    const version = `.versions/${name}@${format}.${++versions}`;
    kept.set(version, { format, version, written });
    data.set(name, { format, version, written });
  };
  const requireOwn = (path: StorePath, name: string): Data => {
    const found = data.get(name);
    if (found?.format !== specOf(path, name).format) throw new Error(`BUG: ${path} opens ${name} of ${found?.format}`);
    return found;
  };
  const requireStopped = (): void => {
    if (running !== undefined) throw new Error("BUG: data is replaced under running services");
  };
  const states = (path: StorePath): StateVersion[] =>
    Object.keys(roleOf(path).state).map((name) => ({
      name,
      format: data.get(name)?.format ?? null,
      version: data.get(name)?.version ?? null,
    }));

  const activator: Activator = {
    check: async ({ path }) => void roleOf(path),
    plan: async () => [],
    apply: async (instance) => {
      const { state, starts } = roleOf(instance.path);
      if (!supervised) throw failed("apply", "no supervisor");
      if (running?.path === instance.path && running.params === instance.params) return [];
      running = undefined;
      for (const [name, { format }] of Object.entries(state)) {
        if (!data.has(name)) set(name, format, []);
        requireOwn(instance.path, name);
      }
      if (!starts) throw failed("apply", "slapd does not start");
      running = instance;
      started++;
      return [{ kind: "ready", unit: "slapd", why: null }];
    },
    health: async (path) =>
      running?.path === path && roleOf(path).healthy
        ? { healthy: [ROLE], unhealthy: [] }
        : { healthy: [], unhealthy: [ROLE] },
    status: async () => ({ running: supervised, services: [] }),
    halt: async () => {
      running = undefined;
    },
    stop: async () => {
      running = undefined;
      supervised = false;
    },
    drift: async () => [],
    state: async (path) => states(path),
    backup: async (path, name, file) => {
      requireStopped();
      const { converts } = specOf(path, name);
      if (converts === null) throw failed("backup", "the role does not say how");
      backups.set(file, { converts, written: requireOwn(path, name).written });
    },
    restore: async ({ path }, name, file) => {
      requireStopped();
      const { format, converts } = specOf(path, name);
      const backup = backups.get(file);
      if (backup === undefined) throw failed("restore", `${file} is not there`);
      if (backup.converts !== converts) throw new Error("BUG: a text that these programs do not read");
      set(name, format, backup.written);
    },
    version: async (_path, name, version) => {
      requireStopped();
      const before = kept.get(version);
      if (before === undefined) throw failed("version", `${version} is gone`);
      data.set(name, before);
    },
    supervise: async () => {
      supervised = true;
    },
  };
  return {
    activator,
    manifest: async (path) => {
      const role = objects.get(path);
      if (role === undefined) return undefined;
      const state = new Map(Object.entries(role.state));
      const health = { probes: [ROLE], seconds: 9 };
      const none = new Map<string, never>();
      const units = { services: none, tasks: none, timers: none };
      return { name: ROLE, description: "", params: none, secrets: none, ...units, state, health, sizeBudget: null };
    },
    write: (words) => {
      if (running === undefined) return;
      for (const name of Object.keys(roleOf(running.path).state)) {
        const found = requireOwn(running.path, name);
        const written = { ...found, written: [...found.written, words] };
        data.set(name, written);
        kept.set(found.version, written);
      }
    },
    running: () => running,
    data: () => data,
    supervised: () => supervised,
    starts: () => started,
    reboot: () => {
      running = undefined;
      supervised = false;
    },
  };
}
