/** What this host lets us be: whether sandboxes are made with root's rights or by a user namespace. Loads nothing else. */
import { existsSync, readFileSync } from "node:fs";
import { SANDBOX_USER } from "@cab/core";

/** What a decision or a diagnosis asks the host; a record, so that tests can be other hosts. */
export interface HostFacts {
  /** Text of a file below /proc/sys, trimmed; undefined if this kernel has none. */
  readonly setting: (name: string) => string | undefined;
  readonly uid: number;
  /** Effective capabilities as a bit set. */
  readonly capabilities: bigint;
  /** Whether the builder's user and group exist in this user namespace, so that a file can be theirs. */
  readonly mapsBuilder: boolean;
  readonly inContainer: boolean;
}

export function hostFacts(): HostFacts {
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    setting: (name) => (existsSync(`/proc/sys/${name}`) ? readFileSync(`/proc/sys/${name}`, "utf8").trim() : undefined),
    uid: process.getuid?.() ?? -1,
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`),
    mapsBuilder: isMapped("uid_map", SANDBOX_USER.uid) && isMapped("gid_map", SANDBOX_USER.gid),
    inContainer: existsSync("/.dockerenv") || existsSync("/run/.containerenv"),
  };
}

/** Lines of "inside outside count", see user_namespaces(7). */
const isMapped = (map: "uid_map" | "gid_map", id: number): boolean =>
  readFileSync(`/proc/self/${map}`, "utf8")
    .trim()
    .split("\n")
    .some((line) => {
      const [inside = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
      return id >= inside && id < inside + count;
    });

/** Bits by capabilities(7): CAP_CHOWN, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN. */
const NEEDED = (1n << 0n) | (1n << 6n) | (1n << 7n) | (1n << 21n);

/** Root with the right to mount and to become the builder's user: sandboxes need no user namespace. */
export const isPrivileged = ({ uid, capabilities, mapsBuilder }: HostFacts): boolean =>
  uid === 0 && mapsBuilder && (capabilities & NEEDED) === NEEDED;
