import { describe, expect, test } from "vitest";
import { defineVerb, helpText, parseVerbArguments, UsageError } from "./verb.ts";

const flags = {
  jobs: { type: "string", short: "j", value: "N", help: "builders at once" },
  from: { type: "string", value: "DIRECTORY", multiple: true, help: "a cache" },
  json: { type: "boolean", help: "print JSON" },
} as const;
const verb = defineVerb({ usage: "[FLAG…] NAME…", summary: "Does it.", flags, run: async () => 0 });
const passing = defineVerb({ usage: "NAME", summary: "Runs it.", flags, passesOn: true, run: async () => 0 });

describe("arguments", () => {
  test("flags stand anywhere among the names", () => {
    expect(parseVerbArguments(verb, ["a", "-j", "2", "b", "--from", "x", "--from=y", "--json"])).toEqual({
      positionals: ["a", "b"],
      flags: { jobs: "2", from: ["x", "y"], json: true },
    });
  });

  test("behind the first word they are another program's, where the verb passes them on", () => {
    expect(parseVerbArguments(passing, ["-j", "2", "name", "program", "--json", "-x", "--", "y"])).toEqual({
      positionals: ["name", "program", "--json", "-x", "--", "y"],
      flags: { jobs: "2" },
    });
  });

  test.each([["--unknown"], ["--jobs"], ["--json=yes"]])("%s is a mistake of the user's", (argument) => {
    expect(() => parseVerbArguments(verb, [argument])).toThrow(UsageError);
  });
});

test("help lists every flag with its value", () => {
  expect(helpText("do", verb)).toBe(
    [
      "usage: cab do [FLAG…] NAME…",
      "",
      "Does it.",
      "",
      "  -j, --jobs N                builders at once",
      "      --from DIRECTORY        a cache",
      "      --json                  print JSON",
      "  -h, --help                  print this",
      "",
    ].join("\n"),
  );
});
