import type { StorePath } from "@cab/core";
import type { ProfileFailure } from "@cab/profile";
import { expect, test } from "vitest";
import { renderProfileFailure } from "./render-profile.ts";

const role = "ldap-server";
const refusal = { name: "directory", found: "mdb-2.6", wanted: "mdb-2.5" };

test.each<[ProfileFailure, string[]]>([
  [{ _tag: "NoGeneration", role, number: null }, ["cab switch ldap-server"]],
  [{ _tag: "NoGeneration", role, number: 7 }, ["no generation 7", "cab generations ldap-server"]],
  [{ _tag: "NothingBefore", role, number: 1 }, ["before 1", "--to N"]],
  [{ _tag: "Busy", role, by: "cab switch ldap-server, process 7" }, ["process 7", "run the command again"]],
  [{ _tag: "NotRunning", role }, ["cab up ldap-server"]],
  [{ _tag: "RunsAlready", role }, ["cab status ldap-server", "cab down ldap-server"]],
  [
    { _tag: "GenerationGone", role, generation: { number: 3, path: "/cab/store/x" as StorePath, commit: "abc" } },
    ["objects of generation 3", "at commit abc", "cab switch ldap-server", "cab generations ldap-server"],
  ],
  [
    { _tag: "BadParams", file: "/cab/etc/x.params", line: 3, reason: "there is no = in it" },
    ["/cab/etc/x.params, line 3"],
  ],
  [
    { _tag: "ProfileIo", operation: "make the generation", file: "/x", code: "ENOSPC", message: "no space left" },
    ["cannot make the generation", "free space"],
  ],
  [
    { _tag: "StateRefused", role, refusals: [{ ...refusal, reason: "unconvertible", hasBackup: true }] },
    ["has format mdb-2.6, and this generation reads mdb-2.5", "cab rollback ldap-server --to N --discard-writes"],
  ],
  [
    { _tag: "StateRefused", role, refusals: [{ ...refusal, reason: "unreadable", hasBackup: false }] },
    ["no generation that is here reads mdb-2.6"],
  ],
  [{ _tag: "SecretFound", secret: "password", file: "/cab/state/x/log/current" }, ["password", "change the secret"]],
  [
    { _tag: "ActivateFailed", call: "apply", code: 1, said: ["first", "slapd: it ends at once"] },
    ["ended with 1: slapd: it ends at once"],
  ],
])("%o says what to do", (failure, words) => {
  const text = renderProfileFailure(failure);
  expect(words.filter((word) => !text.includes(word))).toEqual([]);
});

test("a switch that failed says what runs now", () => {
  const cause = { _tag: "Unhealthy", probes: ["ldap-server"], seconds: 60 } as const;
  const failed = (returned: Extract<ProfileFailure, { _tag: "SwitchFailed" }>["returned"]): string =>
    renderProfileFailure({ _tag: "SwitchFailed", role, number: 4, cause, returned });
  expect(failed({ _tag: "To", number: 3, healthy: true, setAside: [".versions/directory@2.6.4"] })).toBe(
    `generation 4 of ldap-server failed: it is not healthy after 60 s (ldap-server)
went back to generation 3, which is healthy
what the failed generation wrote could not be converted back, and is set aside in state/ldap-server/.versions/directory@2.6.4`,
  );
  expect(failed({ _tag: "ToNothing" })).toContain("nothing of the role runs now");
  expect(failed({ _tag: "Failed", number: 3, cause: { _tag: "Cancelled" } })).toContain("cab up ldap-server");
});
