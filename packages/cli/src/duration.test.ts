import { expect, test } from "vitest";
import { milliseconds } from "./duration.ts";
import { UsageError } from "./verb.ts";

test("a span of time is a number with its unit", () => {
  const spans = ["90s", "15m", "12h", "30d", "2w", "0d"].map((text) => milliseconds("--older-than", text));
  expect(spans).toEqual([90_000, 900_000, 43_200_000, 2_592_000_000, 1_209_600_000, 0]);
});

test.each(["", "30", "d", "1.5d", "-1d", "30 d", "1y"])("%j is none", (text) => {
  expect(() => milliseconds("--older-than", text)).toThrow(UsageError);
});
