import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseManifest } from "./manifest.ts";

const ROLE = {
  version: 1,
  name: "directory",
  description: "a directory",
  params: {
    port: { kind: "port", description: "for LDAP", default: "389", optional: false, min: 1, max: 65535, pattern: null },
  },
  secrets: { password: "root-password" },
  files: ["slapd.conf"],
  steps: [{ kind: "service", name: "slapd" }],
  services: {
    slapd: {
      exec: ["slapd"],
      user: null,
      after: ["owner"],
      uses: { files: ["slapd.conf"], params: ["port"], secrets: [] },
    },
  },
  tasks: {},
  timers: { backup: { exec: ["slapcat"], user: null, everySeconds: 60, uses: { files: [], params: [], secrets: [] } } },
  state: { data: { format: "mdb-2.5", converts: "ldif" } },
  health: { probes: ["directory"], seconds: 60 },
  users: [],
  sizeBudget: 4e7,
};

const parsed = (value: unknown): unknown => {
  const result = parseManifest(JSON.stringify(value));
  return result._tag === "Left" ? result.left : "";
};

describe("role.json", () => {
  test("as serverRole writes it", () => {
    expect(parseManifest(JSON.stringify(ROLE))).toEqual({
      _tag: "Right",
      right: {
        name: "directory",
        description: "a directory",
        params: new Map([["port", { kind: "port", description: "for LDAP", default: "389", optional: false }]]),
        secrets: new Map([["password", "root-password"]]),
        services: new Map([
          ["slapd", { uses: { files: ["slapd.conf"], params: ["port"], secrets: [] }, after: ["owner"] }],
        ]),
        tasks: new Map(),
        timers: new Map([["backup", { uses: { files: [], params: [], secrets: [] }, after: [] }]]),
        state: new Map([["data", { format: "mdb-2.5", converts: "ldif" }]]),
        health: { probes: ["directory"], seconds: 60 },
        sizeBudget: 4e7,
      },
    });
  });

  test.each([
    ["of a later version", { ...ROLE, version: 2 }, "version: expected one of 1"],
    ["without a name", { ...ROLE, name: undefined }, "name: expected a text"],
    ["that leads elsewhere", { ...ROLE, name: "../etc" }, "name: expected a name of letters, digits, ., _ and -"],
    [
      "whose state leads elsewhere",
      { ...ROLE, state: { "../x": { format: "1", converts: null } } },
      "state.../x: expected a name of letters, digits, ., _ and -",
    ],
    [
      "with a format that is none",
      { ...ROLE, state: { data: { format: "a/b", converts: null } } },
      "state.data.format: expected a format of letters, digits, ., _, + and -",
    ],
    [
      "with a probe that is no text",
      { ...ROLE, health: { probes: [1], seconds: 1 } },
      "health.probes[0]: expected a text",
    ],
    ["that is a list", [], "the whole: expected an object"],
  ])("%s is refused", (_, value, reason) => {
    expect(parsed(value)).toBe(reason);
  });

  test("whatever it is, it is refused or read, never more", () => {
    fc.assert(fc.property(fc.json(), (text) => void parseManifest(text)));
    expect(parseManifest("{")._tag).toBe("Left");
  });
});
