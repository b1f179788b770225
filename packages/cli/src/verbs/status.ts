/** `cab status`: what of each role runs on this host, how it is, and what of its files was changed by others. */
import { readdirSync } from "node:fs";
import type { Drift, Generation, ProbeResult, Profile, RoleStatus } from "@cab/profile";
import { currentGeneration, Refused } from "@cab/profile";
import type { Store } from "@cab/store";
import { cabRoot } from "../cab-root.ts";
import { timeText } from "../generation-facts.ts";
import { duration } from "../progress.ts";
import { openRole, profileFolder, roleName } from "../role-host.ts";
import { runningObject } from "../running-object.ts";
import { defineVerb, type Host } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--json] [ROLE…]",
  summary:
    "Says of each role on this host which generation is current, what runs since when, whether it is healthy, and what was changed.",
  details: [
    "What was changed: files that the role's activation rendered and somebody edited, removed or added, and what lies in its",
    "profile's folder without being cab's. Exit code: 0 if each of them runs and is healthy, 1 if not.",
  ].join("\n"),
  flags: {
    json: { type: "boolean", help: "print a list: role, generation, running, services, health, drift, foreign" },
  },
  run: async ({ positionals, flags }, host) => {
    const root = cabRoot(host);
    const store = await openHostStore(host, root);
    try {
      const roles = positionals.length > 0 ? positionals.map(roleName) : await rolesHere(store);
      const reports: Report[] = [];
      for (const role of roles) reports.push(await reportOn(host, { root, store, role }));
      if (flags.json) host.out(`${JSON.stringify(reports)}\n`);
      else if (reports.length === 0)
        host.err("no role has a generation on this host; make one with: cab switch ROLE\n");
      else host.out(reports.map(text).join("\n"));
      return reports.every(({ running, health }) => running && health?.unhealthy.length === 0) ? 0 : 1;
    } finally {
      await store.close();
    }
  },
});

async function rolesHere(store: Store): Promise<string[]> {
  const folders = readdirSync(store.layout.profiles, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const roles: string[] = [];
  for (const { name } of folders) {
    const { generations } = await profileFolder(store, name).read();
    if (generations.length > 0) roles.push(name);
  }
  return roles.sort();
}

interface Report {
  readonly role: string;
  readonly generation: Pick<Generation, "number" | "path" | "made" | "commit"> | null;
  /** Of a switch that was interrupted. */
  readonly pending: number | null;
  readonly running: boolean;
  readonly services: RoleStatus["services"];
  /** Null where nothing runs. */
  readonly health: ProbeResult | null;
  readonly drift: readonly Drift[];
  /** Names in the profile's folder. */
  readonly foreign: readonly string[];
}

async function reportOn(
  host: Host,
  { root, store, role }: { readonly root: string; readonly store: Store; readonly role: string },
): Promise<Report> {
  const profile = await profileFolder(store, role).read();
  if (profile.generations.length === 0) {
    throw new Refused({ _tag: "NoGeneration", role, number: null });
  }
  const opened = await openRole(host, { root, store, role });
  const path = await runningObject(opened);
  if (path === undefined) return reportOf(profile, { running: false, services: [] }, null, []);
  const { activator } = opened;
  const status = await activator.status(path);
  const health = status.running ? await activator.health(path) : null;
  return reportOf(profile, status, health, await activator.drift(path));
}

function reportOf(
  profile: Profile,
  { running, services }: RoleStatus,
  health: ProbeResult | null,
  drift: readonly Drift[],
): Report {
  const current = currentGeneration(profile);
  const generation =
    current === undefined
      ? null
      : { number: current.number, path: current.path, made: current.made, commit: current.commit };
  const { role, foreign } = profile;
  const pending = profile.pending === profile.current ? null : profile.pending;
  return { role, generation, pending, running, services, health, drift, foreign };
}

function text({ role, generation, pending, running, services, health, drift, foreign }: Report): string {
  const made =
    generation === null ? "no generation" : `generation ${generation.number} of ${timeText(generation.made)}`;
  const state = !running ? "does not run" : health?.unhealthy.length === 0 ? "healthy" : "not healthy";
  const lines = [`${role}: ${made}, ${state}`];
  if (pending !== null)
    lines.push(`  the switch to generation ${pending} was interrupted; go on with: cab switch ${role}`);
  for (const { name, state: word, pid, seconds } of services) {
    const since = seconds === null ? "" : ` for ${duration(seconds)}`;
    lines.push(`  ${name}: ${word === "run" ? "runs" : word}${since}${pid === null ? "" : `, process ${pid}`}`);
  }
  for (const { kind, file } of drift) lines.push(`  ${file}: ${DRIFT[kind]}`);
  for (const name of foreign) lines.push(`  var/profiles/${role}/${name}: is not cab's, and is left alone`);
  return `${lines.join("\n")}\n`;
}

const DRIFT: Readonly<Record<Drift["kind"], string>> = {
  changed: "was changed since it was rendered; the next switch writes it anew",
  missing: "was removed since it was rendered; the next switch writes it anew",
  foreign: "was added by somebody; the next switch removes it",
};
