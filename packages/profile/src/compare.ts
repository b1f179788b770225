/** What moving from one generation to another changes: units with the reasons, and parameters. Pure. */
import { compareUtf8 } from "@cab/core";
import type { Manifest, UnitSpec } from "./manifest.ts";

export interface Described {
  readonly manifest: Manifest;
  /** As the instance's file has them. */
  readonly params: ReadonlyMap<string, string>;
}

export interface UnitChange {
  readonly name: string;
  readonly change: "starts" | "stops" | "restarts";
  /** Of a restart: what of it changed. */
  readonly why: readonly string[];
}

export interface ParamChange {
  readonly name: string;
  /** Null where it has no value. */
  readonly before: string | null;
  readonly after: string | null;
}

/**
 * Services and timers that do not simply go on. `changed`: the files in which the two roles' objects differ; what a
 * file refers to needs no look, since its path would differ.
 */
export function unitChanges(before: Described, after: Described, changed: ReadonlySet<string>): UnitChange[] {
  const old = units(before.manifest);
  const fresh = units(after.manifest);
  const params = new Set(paramChanges(before, after).map(({ name }) => name));
  const changes: UnitChange[] = [];
  for (const name of [...new Set([...old.keys(), ...fresh.keys()])].sort(compareUtf8)) {
    const unit = fresh.get(name);
    if (unit === undefined) changes.push({ name, change: "stops", why: [] });
    else if (!old.has(name)) changes.push({ name, change: "starts", why: [] });
    else {
      const why = reasons({ name, folder: "services", unit }, { manifest: after.manifest, changed, params });
      if (why.length > 0) changes.push({ name, change: "restarts", why });
    }
  }
  return changes;
}

const units = ({ services, timers }: Manifest): ReadonlyMap<string, UnitSpec> => new Map([...services, ...timers]);

interface Unit {
  readonly name: string;
  readonly folder: "services" | "tasks";
  readonly unit: UnitSpec;
}

interface Changed {
  readonly manifest: Manifest;
  readonly changed: ReadonlySet<string>;
  readonly params: ReadonlySet<string>;
}

function reasons({ name, folder, unit }: Unit, all: Changed): string[] {
  const { manifest, changed, params } = all;
  const own = `libexec/${folder}/${name}/`;
  const why = [...changed].some((file) => file.startsWith(own)) ? ["its program"] : [];
  for (const file of unit.uses.files) if (changed.has(`etc/${file}`)) why.push(`its file ${file}`);
  for (const param of unit.uses.params) if (params.has(param)) why.push(`parameter ${param}`);
  for (const before of unit.after) {
    const task = manifest.tasks.get(before);
    if (task !== undefined && reasons({ name: before, folder: "tasks", unit: task }, all).length > 0) {
      why.push(`task ${before}`);
    }
  }
  return why;
}

/** By what a parameter comes to, given or by default. */
export function paramChanges(before: Described, after: Described): ParamChange[] {
  const names = new Set([...before.manifest.params.keys(), ...after.manifest.params.keys()]);
  return [...names].sort(compareUtf8).flatMap((name) => {
    const change = { name, before: valueIn(before, name), after: valueIn(after, name) };
    return change.before === change.after ? [] : [change];
  });
}

const valueIn = ({ manifest, params }: Described, name: string): string | null =>
  manifest.params.has(name) ? (params.get(name) ?? manifest.params.get(name)?.default ?? null) : null;
