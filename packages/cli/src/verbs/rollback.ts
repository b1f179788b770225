/** `cab rollback`: goes back to an older generation of a role, its parameters and its programs, and never with data that they cannot read. */
import { rollback } from "@cab/profile";
import { cabRoot } from "../cab-root.ts";
import { exclusively, openRole, resultOf, roleName } from "../role-host.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";
import { reportSwitched } from "./switch.ts";

export const verb = defineVerb({
  usage: "[--to N] [--discard-writes] ROLE",
  summary:
    "Moves ROLE's services to the generation before the current one, or to generation N, and back if they are not healthy.",
  details: [
    "No recipe is needed. Data that is newer than the generation is converted, where both say how; else the rollback is refused,",
    "unless --discard-writes allows the backup from before to be restored. What was written since is lost then. Exit code: 0 if",
    "the generation is current and healthy, 1 if not.",
  ].join("\n"),
  flags: {
    to: { type: "string", value: "N", help: "the generation to go to (default: the one before)" },
    "discard-writes": {
      type: "boolean",
      help: "restore the backup of the state from before, losing what was written since",
    },
    "no-start": { type: "boolean", help: "start nothing where no supervisor runs" },
    json: { type: "boolean", help: "print one object: role, generation, from, new, healthy" },
  },
  run: async ({ positionals, flags }, host) => {
    const [name, ...rest] = positionals;
    if (name === undefined || rest.length > 0) throw new UsageError("roll back what? give one ROLE");
    const role = roleName(name);
    const to = flags.to === undefined ? undefined : generationNumber("--to", flags.to);
    const root = cabRoot(host);
    const store = await openHostStore(host, root);
    try {
      const opened = await openRole(host, { root, store, role });
      const request = { to, discardWrites: flags["discard-writes"] === true, start: flags["no-start"] !== true };
      const switched = await exclusively(opened, "rollback", resultOf(rollback(opened.ports, request)));
      reportSwitched(host, { role, switched, json: flags.json === true });
      return 0;
    } finally {
      await store.close();
    }
  },
});

export function generationNumber(what: string, text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new UsageError(`${what} ${text}: give the number of a generation`);
  return Number(text);
}
