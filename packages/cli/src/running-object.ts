/** Through which object's programs a role on this host is asked what runs. */
import type { StorePath } from "@cab/core";
import { currentGeneration, generationNumbered } from "@cab/profile";
import type { RoleFiles } from "./role-host.ts";

/** The current generation's, else that of an interrupted switch, else the newest; the first of them that is in the store. */
export async function runningObject({ store, folder }: RoleFiles): Promise<StorePath | undefined> {
  const profile = await folder.read();
  const pending = generationNumbered(profile, profile.pending);
  return [currentGeneration(profile), pending, ...profile.generations.toReversed()].find(
    (generation) => generation !== undefined && store.object(generation.path) !== undefined,
  )?.path;
}
