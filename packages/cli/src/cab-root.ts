/** Where this host's store lies. */
import { accessSync, constants, mkdirSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { type Host, UsageError } from "./verb.ts";

/** The place that needs no namespace to be seen at `/cab`. */
export const LOGICAL_ROOT = "/cab";

/** `$CAB_ROOT`; else `/cab` where it can be written; else a folder of the user's own. */
export function cabRoot({ env }: Host): string {
  const chosen = env.CAB_ROOT;
  if (chosen !== undefined && chosen !== "") {
    if (!isAbsolute(chosen)) throw new UsageError(`CAB_ROOT is ${chosen}; give an absolute path`);
    return chosen;
  }
  if (isWritable(LOGICAL_ROOT)) return LOGICAL_ROOT;
  const data = env.XDG_DATA_HOME ?? (env.HOME === undefined ? undefined : join(env.HOME, ".local/share"));
  if (data === undefined)
    throw new UsageError("neither CAB_ROOT nor HOME is set; set CAB_ROOT to where the store may lie");
  return join(data, "cab");
}

function isWritable(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    // Whatever the reason, the answer is the same: it is not ours to write.
    return false;
  }
}
