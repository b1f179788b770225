import { compareUtf8, type Pin } from "@cab/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLock, renderLock } from "./lock.ts";
import { workspaceOf } from "./testing/fixture.ts";

const hex = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length }).map((all) => all.join(""));
const pin: fc.Arbitrary<Pin> = fc.oneof(
  fc.record({ url: fc.string(), size: fc.nat(), algo: fc.constant("sha256" as const), digest: hex(64) }),
  fc.record({ url: fc.string(), size: fc.nat(), algo: fc.constant("sha512" as const), digest: hex(128) }),
);
const pins = fc.dictionary(fc.string({ unit: "grapheme" }), pin);

const A = `"a": {"url":"u","size":1,"sha256":"${"0".repeat(64)}"}`;
const B = `"b": {"url":"u","size":1,"sha512":"${"0".repeat(128)}"}`;
const lockOf = (...lines: string[]): string =>
  `{"version":1,"pins":{\n${lines.map((line) => `${line}\n`).join("")}}}\n`;

describe("cab.lock", () => {
  it("reads back what it writes, which is JSON, one sorted pin a line", () => {
    fc.assert(
      fc.property(pins, (written) => {
        const text = renderLock(written);
        const parsed = parseLock(text, "cab.lock");
        if (parsed._tag === "Left") throw new Error(JSON.stringify(parsed.left));
        expect({ ...parsed.right }).toEqual({ ...written });
        expect(renderLock(parsed.right)).toBe(text);
        expect(text.split("\n")).toHaveLength(Object.keys(written).length + 3);
        const keys = Object.keys((JSON.parse(text) as { pins: object }).pins);
        const isIndex = (key: string): boolean => String(Number(key) >>> 0) === key;
        const ordered = keys.filter((key) => !isIndex(key));
        expect(ordered).toEqual([...ordered].sort(compareUtf8));
      }),
    );
  });

  it.each([
    ["", 1, 'expected {"version":1,"pins":{'],
    ['{"version":2,"pins":{\n}}\n', 1, 'expected {"version":1,"pins":{'],
    [lockOf(A).slice(0, -1), 3, "expected a newline at the end"],
    [lockOf(A).replace("}}\n", "\n"), 3, "expected }} in the last line"],
    [lockOf(A, B), 2, "expected a comma"],
    [lockOf(`${A},`), 2, "a comma behind the last pin"],
    [lockOf(`${B},`, A), 3, "a is out of order"],
    [lockOf(`${A},`, A), 3, "a is pinned twice"],
    [lockOf("<<<<<<< HEAD", `${A},`, "=======", B, ">>>>>>> x"), 2, "an unresolved merge conflict"],
    [lockOf(A.replace('"sha256"', '"md5"')), 2, 'expected "<key>": {"url":…,"size":…,"sha256" or "sha512":…}'],
    [lockOf(A.replace(":1,", ":-1,")), 2, 'expected "<key>": {"url":…,"size":…,"sha256" or "sha512":…}'],
    [lockOf(A.replace("0000", "000")), 2, 'expected "<key>": {"url":…,"size":…,"sha256" or "sha512":…}'],
    [lockOf(A.replace('"}', '","more":1}')), 2, 'expected "<key>": {"url":…,"size":…,"sha256" or "sha512":…}'],
  ])("%j is refused", (text, line, reason) => {
    expect(parseLock(text, "cab.lock")).toEqual({
      _tag: "Left",
      left: { _tag: "BadLock", file: "cab.lock", line, reason },
    });
  });

  it("is named with its line when it stops an evaluation", async () => {
    const workspace = workspaceOf({ "derivations/app.ts": "", "cab.lock": lockOf(A, B) });
    expect(await workspace.failure("app")).toEqual({
      _tag: "BadLock",
      file: "cab.lock",
      line: 2,
      reason: "expected a comma",
    });
  });
});
