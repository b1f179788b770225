/** `cab run`: a program of a role, with the store at `/cab` whether or not it is physically there. */
import { lstatSync } from "node:fs";
import type { StorePath } from "@cab/core";
import { cabRoot, LOGICAL_ROOT } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { startForeground } from "../foreground.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession, type Session } from "../realise-names.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { hostSystem } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[FLAG…] NAME [PROGRAM [ARGUMENT…]]",
  summary: "Runs a program of a role or package: bin/PROGRAM, or the one that is called as NAME is.",
  details: [
    "Realises NAME first. The program sees the host as it is, with this store at /cab: where that is not its physical place,",
    "by a user namespace. Flags of cab's own come before NAME.",
  ].join("\n"),
  flags: realiseFlags,
  passesOn: true,
  run: async ({ positionals, flags }, host) => {
    const [name, program, ...args] = positionals;
    if (name === undefined) throw new UsageError("run what? give a NAME");
    const root = cabRoot(host);
    const session = await openSession(host, root, [name], { ...realiseSettings(flags), keepOutputs: true });
    try {
      const command = await commandOf(session, host, { file: `bin/${program ?? name}`, args });
      // The session stays open as long as the program runs, and keeps what it runs from being collected.
      return command === undefined ? 1 : await startForeground(command, { env: host.env, signal: host.signal }).ended;
    } finally {
      await session.close();
    }
  },
});

interface Wanted {
  readonly file: string;
  readonly args: readonly string[];
}

/** The whole command line; undefined if something could not be realised, which has been said then. */
async function commandOf(session: Session, host: Host, { file, args }: Wanted): Promise<readonly string[] | undefined> {
  const needsView = session.root !== LOGICAL_ROOT;
  const wanted = session.roots.map(({ drv }) => drv);
  const { realised } = await session.realise(needsView ? [...wanted, session.sandbox] : wanted);
  const [role, sandbox] = realised.outputs.map((outputs) => outputs?.out);
  if (role === undefined) return undefined;
  const folder = session.store.physical(role);
  // Not followed: a link into the store leads nowhere on the host where /cab is not physically there.
  if (lstatSync(`${folder}/${file}`, { throwIfNoEntry: false }) === undefined) {
    throw new Ended(`error: ${role} has no ${file}; see what there is in ${folder}/bin\n`);
  }
  const command = [`${role}/${file}`, ...args];
  if (!needsView) return command;
  return sandbox === undefined ? undefined : viewed(host, session, sandbox, command);
}

async function viewed(
  host: Host,
  { store, root }: Session,
  tools: StorePath,
  command: readonly string[],
): Promise<string[]> {
  const { hostViewCommand, treePrograms } = await import("@cab/executor");
  const programs = treePrograms(store.physical(tools), hostSystem());
  return hostViewCommand(programs, { cabRoot: root, cwd: host.cwd, ties: "foreground", command });
}
