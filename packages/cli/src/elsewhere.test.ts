import { appendFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DrvHash, RealiseEvent } from "@cab/core";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { type ElsewhereLog, lastLine, watchElsewhere } from "./elsewhere.ts";

const drv = "d".repeat(64) as DrvHash;
const SINCE = 1_000_000_000_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function watching(): { log: string; heard: ElsewhereLog[]; on: (event: RealiseEvent) => void } {
  const folder = mkdtempSync(join(tmpdir(), "cab-elsewhere-"));
  const heard: ElsewhereLog[] = [];
  const { on, stop } = watchElsewhere(
    (resolved) => join(folder, resolved),
    (event) => heard.push(event),
  );
  onTestFinished(() => {
    stop();
    rmSync(folder, { recursive: true });
  });
  return { log: join(folder, "e".repeat(64)), heard, on };
}

const begins: RealiseEvent = {
  _tag: "BuiltElsewhere",
  drv,
  name: "it",
  resolved: "e".repeat(64) as DrvHash,
  work: "build",
  holder: { worker: undefined, since: SINCE },
};

test("a log that grows is heard when it has grown, until the wait has ended", () => {
  const { log, heard, on } = watching();
  on(begins);
  vi.advanceTimersByTime(1000);
  writeFileSync(log, "one\n");
  vi.advanceTimersByTime(3000);
  appendFileSync(log, "two\n\n");
  vi.advanceTimersByTime(1000);
  on({ _tag: "Waited", drv, name: "it", found: true });
  appendFileSync(log, "three\n");
  vi.advanceTimersByTime(9000);
  expect(heard).toEqual([
    { _tag: "ElsewhereLog", drv, bytes: 4, line: "one" },
    { _tag: "ElsewhereLog", drv, bytes: 9, line: "two" },
  ]);
});

test("what an earlier build left is not this one's", () => {
  const { log, heard, on } = watching();
  writeFileSync(log, "old\n");
  utimesSync(log, SINCE / 1000 - 1, SINCE / 1000 - 1);
  on(begins);
  expect(heard).toEqual([]);
});

test("the last line of a log holds nothing that a terminal would obey", () => {
  expect(
    ["", "a\n\n \n", "10 %\r90 %", "\x1b[31mred\x1b[0m\x07", "\x1b]0;title\x07x\x9by", "a\tb", "ü→"].map(lastLine),
  ).toEqual(["", "a", "90 %", "red", "x", "a b", "ü→"]);
});
