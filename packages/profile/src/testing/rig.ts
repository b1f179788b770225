/** A role's folder in a temporary directory and a role in memory, put together as the command does it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StorePath, storePath } from "@cab/core";
import { onTestFinished } from "vitest";
import type { ProfileFailure } from "../failure.ts";
import { openProfileFolder, type ProfileFolder } from "../profile-folder.ts";
import type { SwitchRequest } from "../switch.ts";
import type { SwitchEvent, SwitchPorts } from "../switch-ports.ts";
import type { Killer } from "./killable.ts";
import { type MemoryHost, type MemoryRole, memoryHost, ROLE } from "./memory-role.ts";

export const objectPath = (build: string): StorePath => storePath(build, ROLE);

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "cab-profile-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Rig {
  readonly host: MemoryHost;
  readonly folder: ProfileFolder;
  /** Seconds that have passed. */
  readonly now: () => number;
  readonly events: SwitchEvent[];
  readonly ports: (options?: { readonly killer?: Killer; readonly signal?: AbortSignal }) => SwitchPorts;
}

/** Roles by the names of their builds. */
export function rigOf(builds: Readonly<Record<string, Partial<MemoryRole>>>): Rig {
  const objects = new Map(
    Object.entries(builds).map(([build, role]) => [
      objectPath(build),
      { state: {}, healthy: true, starts: true, ...role },
    ]),
  );
  const host = memoryHost(objects);
  const folder = openProfileFolder({
    folder: join(temporaryFolder(), ROLE),
    role: ROLE,
    exclusively: async (action) => action(),
  });
  let now = 1000;
  const events: SwitchEvent[] = [];
  return {
    host,
    folder,
    now: () => now,
    events,
    ports: ({ killer, signal = new AbortController().signal } = {}) => {
      const over = killer?.over ?? (<P extends object>(port: P): P => port);
      return {
        folder: over(folder),
        activator: over(host.activator),
        manifest: host.manifest,
        paramsFile: (number) => `generation-${number}.params`,
        requireNoSecrets: async () => {},
        now: () => Math.floor(++now),
        sleep: async (seconds) => {
          now += seconds;
        },
        signal,
        emit: (event) => void events.push(event),
      };
    },
  };
}

export const requestFor = (build: string, params = ""): SwitchRequest => ({
  path: objectPath(build),
  params: Buffer.from(params),
  draft: "draft",
  made: 1000,
  commit: null,
  start: true,
});

export const tagOf = (failure: ProfileFailure): string =>
  failure._tag === "SwitchFailed" ? `${failure.cause._tag}, then ${failure.returned._tag}` : failure._tag;
