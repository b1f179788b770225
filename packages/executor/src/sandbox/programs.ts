/**
 * The programs that the sandbox is made with, and how to start them: from the pinned tree, through its own loader, so
 * that nothing of the host's libraries is used; or the host's own. Knows nothing of builds.
 *
 * The tree holds Debian's bubblewrap, coreutils and util-linux with their libraries (libcap2, libcap-ng0, libselinux1,
 * libpcre2-8-0, libsmartcols1, libc6), in merged /usr.
 */
import { accessSync, constants, existsSync } from "node:fs";
import type { System } from "@cab/core";

export interface SandboxPrograms {
  /** The words that start a program outside the sandbox; its arguments follow. */
  readonly outside: (program: OutsideProgram) => readonly string[];
  /** Where the tree lies, for use inside; undefined for the host's programs, which nothing inside may see. */
  readonly tree: string | undefined;
}

export type OutsideProgram = "bwrap" | "prlimit" | "mkfifo";
export type InsideProgram = "setpriv" | "env";

const LIBRARIES: Readonly<Record<System, string>> = {
  "x86_64-linux": "usr/lib/x86_64-linux-gnu",
  "aarch64-linux": "usr/lib/aarch64-linux-gnu",
};

const LOADER: Readonly<Record<System, string>> = {
  "x86_64-linux": "ld-linux-x86-64.so.2",
  "aarch64-linux": "ld-linux-aarch64.so.1",
};

export const treePrograms = (tree: string, system: System): SandboxPrograms => ({
  outside: (program) => startInTree(tree, program, system),
  tree,
});

const IN_TREE: readonly (OutsideProgram | InsideProgram)[] = ["bwrap", "prlimit", "mkfifo", "setpriv", "env"];

/** What a tree lacks to serve as the sandbox's tools: a path in it. Undefined if it is complete. */
export function missingIn(tree: string, system: System): string | undefined {
  const needed = [`${LIBRARIES[system]}/${LOADER[system]}`, ...IN_TREE.map((program) => `usr/bin/${program}`)];
  return needed.find((file) => !existsSync(`${tree}/${file}`));
}

/** The words that start a program of a tree that lies at `tree`. */
export function startInTree(tree: string, program: OutsideProgram | InsideProgram, system: System): string[] {
  const libraries = `${tree}/${LIBRARIES[system]}`;
  const loader = `${libraries}/${LOADER[system]}`;
  return [loader, "--inhibit-cache", "--library-path", libraries, `${tree}/usr/bin/${program}`];
}

/** The first of these directories that holds an executable of this name. */
function findIn(directories: readonly string[], program: string): string | undefined {
  for (const directory of directories) {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK);
      return `${directory}/${program}`;
    } catch {
      // Not here: the next directory.
    }
  }
  return undefined;
}

const OUTSIDE: readonly OutsideProgram[] = ["bwrap", "prlimit", "mkfifo"];

/** The host's own programs along `path` (as in PATH); undefined if one is missing. */
export function hostPrograms(path: string): SandboxPrograms | undefined {
  const directories = path.split(":").filter((directory) => directory.startsWith("/"));
  const found = new Map<OutsideProgram, string>();
  for (const program of OUTSIDE) {
    const file = findIn(directories, program);
    if (file === undefined) return undefined;
    found.set(program, file);
  }
  return { outside: (program) => [found.get(program) as string], tree: undefined };
}
