import { expect, test } from "vitest";
import { nearestNames } from "./nearest.ts";

test("a slip finds the name that was meant, nearest first, three at most", () => {
  const known = ["openldap", "openssl", "zlib", "ldap-server", "bash"];
  expect(nearestNames("openldp", known)).toEqual(["openldap"]);
  expect(nearestNames("ldap", known).sort()).toEqual(["ldap-server", "openldap"]);
  expect(nearestNames("qwertyuiop", known)).toEqual([]);
  expect(nearestNames("a1", ["a2", "a3", "a4", "a5"])).toEqual(["a2", "a3", "a4"]);
});
