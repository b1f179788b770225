/** Whether the host's systemd has the services of its roles. */
import { existsSync } from "node:fs";
import type { Systemd } from "@cab/profile";
import { LOGICAL_ROOT } from "./cab-root.ts";
import { type Host, UsageError } from "./verb.ts";

/** What systemd makes where it is PID 1, see sd_booted(3). */
const BOOTED = "/run/systemd/system";

/**
 * `CAB_SYSTEMD` says which, or `no`. Else the one of this user, if the host was booted by it and `/cab` is physically this store:
 * units see the host as it is.
 */
export function hostSystemd({ env, uid }: Pick<Host, "env" | "uid">, root: string): Systemd | null {
  const said = env.CAB_SYSTEMD ?? "";
  if (said === "no") return null;
  if (said === "system" || said === "user") return said;
  if (said !== "") throw new UsageError(`CAB_SYSTEMD is ${said}: expected system, user or no`);
  if (root !== LOGICAL_ROOT || !existsSync(BOOTED)) return null;
  if (uid === 0) return "system";
  // Without it nobody has a manager of his own.
  return env.XDG_RUNTIME_DIR === undefined ? null : "user";
}
