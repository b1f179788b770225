import { expect, test } from "vitest";
import { parseParams } from "./params-file.ts";

const parsed = (text: string): unknown => {
  const result = parseParams(text);
  return result._tag === "Right" ? Object.fromEntries(result.right) : result.left;
};

test.each([
  ["", {}],
  ["# nothing\n\n  \n", {}],
  ["port = 389\n\t suffix=dc=example , dc=org \nempty =", { port: "389", suffix: "dc=example , dc=org", empty: "" }],
  ["port = 1\r\n", { port: "1" }],
  ["port", { line: 1, reason: "there is no = in it" }],
  ["\n= 1", { line: 2, reason: "nothing stands before its =" }],
  ["a = 1\na = 2", { line: 2, reason: "a has a value above already" }],
  ['a = "1"', { line: 1, reason: "values have no control characters, quotes or backslashes" }],
])("%j", (text, expected) => {
  expect(parsed(text)).toEqual(expected);
});
