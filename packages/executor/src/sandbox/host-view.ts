/**
 * Running a program of the store where `/cab` is not physically there: the host as it is, with this store's root at
 * `/cab`, in a user namespace. Not a sandbox: the program sees what its user sees.
 */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { SandboxPrograms } from "./programs.ts";

/** Where bubblewrap says, as JSON, which process became the program: signals are for that one. */
export const VIEW_STATUS_FD = 3;

/**
 * `foreground`: ends with us, and says on `VIEW_STATUS_FD` which process it became. `call`: ends with us. `detached`: lives on.
 */
export type ViewTies = "foreground" | "call" | "detached";

const TIES: Readonly<Record<ViewTies, readonly string[]>> = {
  foreground: ["--die-with-parent", "--json-status-fd", String(VIEW_STATUS_FD)],
  call: ["--die-with-parent"],
  detached: [],
};

export interface HostView {
  readonly cabRoot: string;
  readonly cwd: string;
  readonly ties: ViewTies;
  readonly command: readonly string[];
}

/** The command line that runs `command` in `cwd` with `cabRoot` at `/cab`. Needs no root and no mount point on the host. */
export function hostViewCommand(programs: SandboxPrograms, { cabRoot, cwd, ties, command }: HostView): string[] {
  const mounts: string[] = [];
  for (const name of readdirSync("/").sort()) {
    if (name === "cab") continue;
    const path = `/${name}`;
    if (lstatSync(path).isSymbolicLink()) mounts.push("--symlink", readlinkSync(path), path);
    else mounts.push("--dev-bind", path, path);
  }
  return [
    ...programs.outside("bwrap"),
    ...TIES[ties],
    ...mounts,
    "--bind",
    cabRoot,
    "/cab",
    "--chdir",
    cwd,
    "--",
    ...command,
  ];
}
