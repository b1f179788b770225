import { secret, sh, type Text } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";

/** A type cast away: the type checker would have said it. */
const password = secret("tells-password") as unknown as Text;

export default serverRole({
  name: "tells",
  packages: {},
  programs: [],
  services: () => ({ crier: { exec: sh`exec echo ${password}` } }),
});
