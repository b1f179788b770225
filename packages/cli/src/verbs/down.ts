/** `cab down`: stops a role's services and its supervisor. */
import { Refused } from "@cab/profile";
import { cabRoot } from "../cab-root.ts";
import { exclusively, openRole, roleName } from "../role-host.ts";
import { runningObject } from "../running-object.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "ROLE",
  summary: "Stops ROLE's services, in the reverse of the order in which they started, and then its supervisor.",
  details:
    "Generations and state stay; start it again with `cab up` or `cab switch`. Exit code: 0, also if it did not run.",
  flags: {},
  run: async ({ positionals }, host) => {
    const [name, ...rest] = positionals;
    if (name === undefined || rest.length > 0) throw new UsageError("stop what? give one ROLE");
    const role = roleName(name);
    const root = cabRoot(host);
    const store = await openHostStore(host, root);
    try {
      const opened = await openRole(host, { root, store, role });
      const stop = async (): Promise<boolean> => {
        const path = await runningObject(opened);
        if (path === undefined) throw new Refused({ _tag: "NoGeneration", role, number: null });
        const { running } = await opened.activator.status(path);
        if (running) await opened.activator.stop(path);
        return running;
      };
      const hadRun = await exclusively(opened, "down", stop);
      host.err(hadRun ? `${role} is stopped\n` : `${role} did not run\n`);
      return 0;
    } finally {
      await store.close();
    }
  },
});
