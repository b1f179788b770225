/**
 * Why this host refuses a sandbox, and what to do: from what bubblewrap said and from the kernel's settings. Knows
 * nothing of builds.
 */
import type { BuildFailure } from "@cab/core";
import { type HostFacts, isPrivileged } from "./host-facts.ts";

type Forbidden = Extract<BuildFailure, { readonly _tag: "SandboxForbidden" }>;

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
  return because("this host forbids what a sandbox needs", "look for the reason in the kernel's log (dmesg)");
}
