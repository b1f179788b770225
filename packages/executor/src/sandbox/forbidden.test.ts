import { expect, test } from "vitest";
import { whyForbidden } from "./forbidden.ts";
import { type HostFacts, isPrivileged } from "./host-facts.ts";

const host = (settings: Readonly<Record<string, string>>, more: Partial<HostFacts> = {}): HostFacts => ({
  setting: (name) => settings[name],
  uid: 1000,
  capabilities: 0n,
  mapsBuilder: true,
  inContainer: false,
  ...more,
});

const allCapabilities = (1n << 41n) - 1n;

test.each<[string, string, HostFacts, RegExp, RegExp]>([
  [
    "Debian's own switch",
    "bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces.",
    host({ "kernel/unprivileged_userns_clone": "0" }),
    /^kernel\.unprivileged_userns_clone = 0 .*No permissions/,
    /sysctl -w kernel\.unprivileged_userns_clone=1/,
  ],
  [
    "no user namespace left",
    "bwrap: Creating new namespace failed: No space left on device",
    host({ "user/max_user_namespaces": "0" }),
    /^user\.max_user_namespaces = 0/,
    /sysctl -w user\.max_user_namespaces=/,
  ],
  [
    "Ubuntu's AppArmor: the namespace is made, and then may do nothing",
    "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted",
    host({ "kernel/apparmor_restrict_unprivileged_userns": "1", "user/max_user_namespaces": "9" }),
    /^kernel\.apparmor_restrict_unprivileged_userns = 1/,
    /sysctl -w kernel\.apparmor_restrict_unprivileged_userns=0/,
  ],
  [
    "root in a plain container",
    "bwrap: setting up uid map: Operation not permitted",
    host({}, { uid: 0, inContainer: true }),
    /^root without CAP_SYS_ADMIN/,
    /--privileged/,
  ],
  [
    "a container that masks /proc",
    "bwrap: Can't mount proc on /newroot/proc: Operation not permitted",
    host({}, { inContainer: true }),
    /^this container forbids/,
    /systempaths=unconfined/,
  ],
])("%s", (_, said, facts, reason, remedy) => {
  expect(whyForbidden(said, facts)).toEqual({
    _tag: "SandboxForbidden",
    reason: expect.stringMatching(reason),
    remedy: expect.stringMatching(remedy),
  });
});

test("root counts as privileged only with the right to mount", () => {
  expect(isPrivileged(host({}, { uid: 0, capabilities: allCapabilities }))).toBe(true);
  expect(isPrivileged(host({}, { uid: 0, capabilities: 1n }))).toBe(false);
  expect(isPrivileged(host({}, { capabilities: allCapabilities }))).toBe(false);
  // Root of a user namespace that has no such user as builders are.
  expect(isPrivileged(host({}, { uid: 0, capabilities: allCapabilities, mapsBuilder: false }))).toBe(false);
});
