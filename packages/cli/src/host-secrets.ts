/** This host's secrets, as the engine's parts need them. Loaded where something is built or said of a role. */
import { join } from "node:path";
import type { SecretSearch } from "@cab/core";
import { type HostSecret, hostSecrets, secretSearch } from "@cab/profile/secrets";
import type { Host } from "./verb.ts";

export const secretsOf = ({ env }: Pick<Host, "env">, root: string): HostSecret[] =>
  hostSecrets({ folder: join(root, "etc/secrets"), env });

/** What no build of this host may contain; undefined where it has no secrets. */
export function searchOf(host: Pick<Host, "env">, root: string): SecretSearch | undefined {
  const secrets = secretsOf(host, root);
  return secrets.length === 0 ? undefined : secretSearch(secrets);
}
