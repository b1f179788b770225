/**
 * Descriptors that programs would inherit from this process without being given them. Knows numbers and flags; not what is
 * open there.
 */
import { readdirSync, readFileSync } from "node:fs";
import { errnoOf } from "../failure.ts";

const O_CLOEXEC = 0o2000000;

/**
 * Descriptors above those a sandbox is given which this process got from its own parent, and would hand on: a shell's, or
 * make's job server. Node marks its own and the first few others to be closed when another program starts, and has no
 * means to mark the rest; so a builder finds /dev/null in their place.
 */
export function inheritedDescriptors(): number[] {
  return readdirSync("/proc/self/fdinfo")
    .map(Number)
    .filter((fd) => fd > 4 && (flagsOf(fd) & O_CLOEXEC) === 0)
    .sort((a, b) => a - b);
}

/** Open flags by /proc/<pid>/fdinfo, see proc(5). */
function flagsOf(fd: number): number {
  try {
    return Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0", 8);
  } catch (error) {
    // The descriptor that listed the directory is closed by now.
    if (errnoOf(error) === "ENOENT") return O_CLOEXEC;
    throw error;
  }
}

/** What stands behind the first entries of a child's `stdio`, so that it finds `nothing` in place of these. */
export function instead<Nothing extends number>(
  inherited: readonly number[],
  { first, nothing }: { readonly first: number; readonly nothing: Nothing },
): (Nothing | "ignore")[] {
  const entries: (Nothing | "ignore")[] = [];
  for (const fd of inherited.filter((one) => one >= first)) {
    while (entries.length < fd - first) entries.push("ignore");
    entries[fd - first] = nothing;
  }
  return entries;
}
