import { expect, test } from "vitest";
import { fallingGenerations, type GenerationPolicy } from "./generations.ts";

/** Made at these times, in the order of their numbers; the last is current. What falls, by number. */
function falling(times: readonly number[], policy: Partial<GenerationPolicy>): number[] {
  const generations = times.map((made, i) => ({
    link: String(i + 1),
    number: i + 1,
    made,
    isCurrent: i === times.length - 1,
  }));
  // In whatever order a directory lists them.
  return fallingGenerations(generations.toReversed(), { since: undefined, keep: 0, ...policy }).map(Number);
}

test("what was not current since then falls, and the current one never", () => {
  expect(falling([10, 20, 30, 40], { since: 25 })).toEqual([1]);
  expect(falling([10, 20, 30, 40], { since: 20 })).toEqual([1]);
  expect(falling([10, 20, 30, 40], { since: 1000 })).toEqual([1, 2, 3]);
  expect(falling([10, 20, 30, 40], { since: 1000, keep: 2 })).toEqual([1, 2]);
  expect(falling([10, 20, 30, 40], {})).toEqual([1, 2, 3]);
});

test("a clock that was set back between two makes neither older", () => {
  // The second and third were made after the first, at 100 or later.
  expect(falling([100, 50, 60, 120], { since: 90 })).toEqual([]);
  expect(falling([100, 50, 60, 120], { since: 110 })).toEqual([1, 2]);
});

test("a clock that ran ahead for a while keeps what was made then, and what followed, until that time has come", () => {
  expect(falling([10, 9_000, 30, 40, 50], { since: 45 })).toEqual([]);
  expect(falling([10, 9_000, 30, 40, 50], { since: 45, keep: 1 })).toEqual([]);
});
