/**
 * Why this host refuses a sandbox, and what to do: from what bubblewrap said and from the kernel's settings. Knows
 * nothing of builds.
 */
import { existsSync, readFileSync } from "node:fs";
import type { BuildFailure } from "@cab/core";

type Forbidden = Extract<BuildFailure, { readonly _tag: "SandboxForbidden" }>;

/** What the diagnosis asks the host; a record, so that tests can be other hosts. */
export interface HostFacts {
  /** Text of a file below /proc/sys, trimmed; undefined if this kernel has none. */
  readonly setting: (name: string) => string | undefined;
  readonly uid: number;
  /** Effective capabilities as a bit set. */
  readonly capabilities: bigint;
  readonly inContainer: boolean;
}

export function hostFacts(): HostFacts {
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    setting: (name) => (existsSync(`/proc/sys/${name}`) ? readFileSync(`/proc/sys/${name}`, "utf8").trim() : undefined),
    uid: process.getuid?.() ?? -1,
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`),
    inContainer: existsSync("/.dockerenv") || existsSync("/run/.containerenv"),
  };
}

const CAP_SYS_ADMIN = 1n << 21n;

/** Root with the right to mount: sandboxes need no user namespace. */
export const isPrivileged = ({ uid, capabilities }: HostFacts): boolean =>
  uid === 0 && (capabilities & CAP_SYS_ADMIN) !== 0n;

const CONTAINER_REMEDY =
  "let the container make namespaces (docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined " +
  "--security-opt systempaths=unconfined), or run cab in it as a user other than root, or give it --privileged";

/** `said` is bubblewrap's own message, which came before any builder ran. */
export function whyForbidden(said: string, host: HostFacts): Forbidden {
  const because = (reason: string, remedy: string): Forbidden => ({
    _tag: "SandboxForbidden",
    reason: said === "" ? reason : `${reason} (${said})`,
    remedy,
  });
  if (!isPrivileged(host)) {
    if (host.setting("kernel/unprivileged_userns_clone") === "0") {
      return because(
        "kernel.unprivileged_userns_clone = 0 forbids user namespaces",
        "as root: sysctl -w kernel.unprivileged_userns_clone=1",
      );
    }
    const most = host.setting("user/max_user_namespaces");
    if (most === "0" || /No space left|ENOSPC/.test(said)) {
      return because(
        `user.max_user_namespaces = ${most ?? "?"} leaves no user namespace`,
        "as root: sysctl -w user.max_user_namespaces=15000",
      );
    }
    if (host.setting("kernel/apparmor_restrict_unprivileged_userns") === "1") {
      return because(
        "kernel.apparmor_restrict_unprivileged_userns = 1 takes the rights out of user namespaces",
        "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
      );
    }
  }
  if (host.uid === 0 && !isPrivileged(host)) {
    return because("root without CAP_SYS_ADMIN, as in a plain container, can make no user namespace", CONTAINER_REMEDY);
  }
  if (host.inContainer) return because("this container forbids what a sandbox needs", CONTAINER_REMEDY);
  return because("this host forbids what a sandbox needs", "see what `cab doctor` finds, and the kernel's log (dmesg)");
}
