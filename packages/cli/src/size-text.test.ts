import { expect, test } from "vitest";
import { changeText, counted, sizeText } from "./size-text.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [99_949, "99.9 kB"],
  [99_950, "100 kB"],
  [999_499, "999 kB"],
  [999_500, "1.0 MB"],
  [19_600_000, "19.6 MB"],
  [2 ** 53, "9.0 PB"],
])("%d bytes are %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

test("a change has its sign", () => {
  expect([1500, -1500, 0].map(changeText)).toEqual(["+1.5 kB", "-1.5 kB", "±0 B"]);
});

test("one is singular", () => {
  expect([counted(1, "object"), counted(0, "object")]).toEqual(["1 object", "0 objects"]);
});
