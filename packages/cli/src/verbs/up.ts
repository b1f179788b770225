/** `cab up`: a role's supervisor in the foreground, as a service manager or a container wants it. */
import { type ProfileFailure, resume, type Switched, switchTo } from "@cab/profile";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { type Foreground, startForeground } from "../foreground.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession } from "../realise-names.ts";
import {
  exclusively,
  openRole,
  profileFolder,
  type RoleHost,
  resultOf,
  roleName,
  type Supervise,
  untilRunning,
} from "../role-host.ts";
import { runningObject } from "../running-object.ts";
import { requireRole, switchRequest } from "../switch-request.ts";
import { defineVerb, type FlagValues, type Host, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[FLAG…] ROLE",
  summary:
    "Runs ROLE's current generation in the foreground, until SIGTERM or SIGINT; makes the first one if there is none.",
  details: [
    "A switch that was interrupted after it had converted the data is finished first. `cab switch` and `cab rollback` change what",
    "runs under it. Asked to end, it stops the services in the reverse of the order in which they started. Exit code: 0 after",
    "such an end, 1 if the role could not be started.",
  ].join("\n"),
  flags: realiseFlags,
  endsBySignal: true,
  run: async ({ positionals, flags }, host) => {
    const [name, ...rest] = positionals;
    if (name === undefined || rest.length > 0) throw new UsageError("start what? give one ROLE");
    const supervisor = foregroundSupervisor(host);
    try {
      await start(host, roleName(name), { flags, supervise: supervisor.supervise });
    } catch (error) {
      await supervisor.end();
      throw error;
    }
    return supervisor.ended();
  },
});

interface Supervisor {
  readonly supervise: Supervise;
  readonly ended: () => Promise<number>;
  /** Ends it, if it was started. */
  readonly end: () => Promise<void>;
}

function foregroundSupervisor(host: Host): Supervisor {
  const ending = new AbortController();
  let started: Foreground | undefined;
  return {
    supervise: async ({ role, command }, activate, isRunning) => {
      const signal = AbortSignal.any([host.signal, ending.signal]);
      const foreground = startForeground(command(activate, "foreground"), { env: {}, signal });
      started = foreground;
      await untilRunning(role, isRunning, { hasEnded: () => foreground.child.exitCode !== null, log: null });
    },
    ended: async () => {
      if (started === undefined) throw new Error("BUG: no supervisor was started");
      return started.ended;
    },
    end: async () => {
      ending.abort();
      await started?.ended;
    },
  };
}

interface Start {
  readonly flags: FlagValues<typeof realiseFlags>;
  readonly supervise: Supervise;
}

/** When it returns, the role runs and nothing of ours is open: the profile's links keep what runs. */
async function start(host: Host, role: string, { flags, supervise }: Start): Promise<void> {
  const root = cabRoot(host);
  const store = await openHostStore(host, root);
  try {
    const files = { store, folder: profileFolder(store, role) };
    if ((await runningObject(files)) !== undefined) {
      const opened = await openRole(host, { root, store, role, supervise });
      const switched = await exclusively(
        opened,
        "up",
        resultOf(() => resumed(opened)),
      );
      if (switched !== undefined) return reportStarted(host, role, switched);
    }
  } finally {
    await store.close();
  }
  const session = await openSession(host, root, [role], { ...realiseSettings(flags), keepOutputs: true });
  try {
    const { realised } = await session.realise(session.roots.map(({ drv }) => drv));
    const path = realised.outputs[0]?.out;
    if (path === undefined) throw new Ended("");
    requireRole(session.store, path, role);
    const opened = await openRole(host, { root, store: session.store, role, session, supervise });
    const request = await switchRequest(host, opened, { path, root, start: true });
    const switched = await exclusively(opened, "up", resultOf(switchTo(opened.ports, request)));
    reportStarted(host, role, switched);
  } finally {
    await session.close();
  }
}

async function resumed(opened: RoleHost): Promise<E.Either<ProfileFailure, Switched | undefined>> {
  const path = await runningObject(opened);
  if (path !== undefined && (await opened.activator.status(path)).running) {
    return E.left({ _tag: "RunsAlready", role: opened.role });
  }
  return resume(opened.ports)();
}

/** On standard error: standard output is the services'. One that is not healthy yet may become so under its supervisor. */
const reportStarted = (host: Host, role: string, { number, healthy }: Switched): void =>
  host.err(`${role}: generation ${number} is current and ${healthy === true ? "healthy" : "not healthy yet"}\n`);
