import type { DrvHash } from "@cab/core";
import { expect, test } from "vitest";
import { startClock } from "./clock.ts";

test("the engine's own time is that in which nothing was under way", () => {
  let time = 0;
  const clock = startClock(() => time);
  const [a, b] = ["a" as DrvHash, "b" as DrvHash];
  // Idle for 1 s; a from 1 to 5; b from 3 to 7; idle for 1 s more.
  clock.on({ _tag: "Started", drv: a, name: "a", work: "build", at: 1 });
  clock.on({ _tag: "Started", drv: b, name: "b", work: "build", at: 3 });
  clock.on({ _tag: "Ran", drv: a, at: 5 });
  clock.on({ _tag: "Ran", drv: b, at: 7 });
  time = 8;
  expect(clock.read()).toEqual({ seconds: 8, engine: 2 });
});
