/**
 * Running a program of the store where `/cab` is not physically there: the host as it is, with this store's root at
 * `/cab`, in a user namespace. Not a sandbox: the program sees what its user sees.
 */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { SandboxPrograms } from "./programs.ts";

/** Where bubblewrap says, as JSON, which process became the program: signals are for that one. */
export const VIEW_STATUS_FD = 3;

/** The command line that runs `command` in `cwd` with `cabRoot` at `/cab`. Needs no root and no mount point on the host. */
export function hostViewCommand(
  programs: SandboxPrograms,
  { cabRoot, cwd, command }: { readonly cabRoot: string; readonly cwd: string; readonly command: readonly string[] },
): string[] {
  const mounts: string[] = [];
  for (const name of readdirSync("/").sort()) {
    if (name === "cab") continue;
    const path = `/${name}`;
    if (lstatSync(path).isSymbolicLink()) mounts.push("--symlink", readlinkSync(path), path);
    else mounts.push("--dev-bind", path, path);
  }
  const ties = ["--die-with-parent", "--json-status-fd", String(VIEW_STATUS_FD)];
  return [
    ...programs.outside("bwrap"),
    ...ties,
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
