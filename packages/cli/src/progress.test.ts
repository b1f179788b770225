import type { DrvHash, RealiseEvent, StorePath } from "@cab/core";
import { describe, expect, test } from "vitest";
import { createProgress, duration, type ProgressEvent } from "./progress.ts";
import type { Host } from "./verb.ts";

const drv = "d".repeat(64) as DrvHash;
const path = `/cab/store/${"0".repeat(32)}-zlib-1.2.13` as StorePath;

function shown(terminal: Host["terminal"], events: readonly ProgressEvent[]): string {
  let text = "";
  const host: Host = {
    env: {},
    cwd: "/",
    pid: 1,
    words: [],
    uid: 1,
    cores: 2,
    terminal,
    out: () => {},
    err: (more) => {
      text += more;
    },
    input: async () => null,
    output: async () => null,
    time: () => 1_000_042_000,
    now: () => 42,
    signal: new AbortController().signal,
  };
  const progress = createProgress(host);
  for (const event of events) progress.on(event);
  progress.stop();
  return text;
}

const BUILD: readonly RealiseEvent[] = [
  { _tag: "Wanted", drv, name: "zlib-1.2.13", work: "build" },
  { _tag: "Started", drv, name: "zlib-1.2.13", work: "build", at: 0 },
  { _tag: "Ran", drv, at: 41 },
  { _tag: "Finished", drv, name: "zlib-1.2.13", work: "build", at: 42 },
];

test("without a terminal there is a line when a build starts and one when it ends", () => {
  expect(shown(null, BUILD)).toBe("[0/1] building zlib-1.2.13\n[1/1] built zlib-1.2.13 in 42 s\n");
});

test("on a terminal what is at work is redrawn in place, cut to its width", () => {
  expect(shown({ columns: 20 }, BUILD)).toBe(
    "[0/1] 1 at work\n  building zlib-1.2\n\x1b[2A\x1b[J[1/1] built zlib-1.2.13 in 42 s\n",
  );
});

test("imports are not worth a line; cutoffs, substitutes and trouble are", () => {
  const events: RealiseEvent[] = [
    { _tag: "Started", drv, name: "zlib.patch", work: "import", at: 0 },
    { _tag: "Finished", drv, name: "zlib.patch", work: "import", at: 1 },
    { _tag: "CutOff", drv, name: "openssl-3.0.20" },
    { _tag: "Substituting", path, from: "/cache", size: 1, at: 0 },
    { _tag: "Substituted", path, at: 2 },
    { _tag: "SubstituterTrouble", substituter: "/cache", reason: "it is gone" },
  ];
  expect(shown(null, events)).toBe(
    [
      "openssl-3.0.20 is unchanged: its inputs changed and gave the same bytes",
      "fetched zlib-1.2.13 in 2.0 s",
      "warning: /cache: it is gone",
      "",
    ].join("\n"),
  );
});

describe("what another process builds", () => {
  const holder = { worker: { pid: 4711, words: ["realise", "web", "\x1b[2J"] }, since: 1_000_030_000 };
  const waiting: readonly ProgressEvent[] = [
    { _tag: "Wanted", drv, name: "zlib-1.2.13", work: "build" },
    { _tag: "BuiltElsewhere", drv, name: "zlib-1.2.13", resolved: drv, work: "build", holder },
    { _tag: "ElsewhereLog", drv, bytes: 1200, line: "checking for gcc" },
    { _tag: "ElsewhereLog", drv, bytes: 1300, line: "checking for ar" },
  ];

  test("is told with who it is, since when, and where it has got to: not each line of it", () => {
    const found = shown(null, [...waiting, { _tag: "Waited", drv, name: "zlib-1.2.13", found: true }]);
    expect(found).toBe(
      [
        "zlib-1.2.13 is being built by process 4711 (cab realise web ?[2J), for 12 s; waiting for it",
        "zlib-1.2.13, process 4711 (cab realise web ?[2J), 12 s, 1.2 kB of log: checking for gcc",
        "[1/1] zlib-1.2.13 was built by process 4711 (cab realise web ?[2J) in 12 s",
        "",
      ].join("\n"),
    );
  });

  test("is built here if that process ended without it", () => {
    const lost = shown(null, [...waiting, { _tag: "Waited", drv, name: "zlib-1.2.13", found: false }, ...BUILD]);
    expect(lost.split("\n").slice(2)).toEqual([
      "zlib-1.2.13 was not built by process 4711 (cab realise web ?[2J)",
      "[0/1] building zlib-1.2.13",
      "[1/1] built zlib-1.2.13 in 42 s",
      "",
    ]);
  });

  test("stands among what is at work, on a terminal", () => {
    const text = shown({ columns: 200 }, waiting.slice(0, 3));
    expect(text).toBe(
      "[0/1] 1 at work\n  waiting for zlib-1.2.13, being built by process 4711 (cab realise web ?[2J)  12 s\n\x1b[2A\x1b[J",
    );
  });
});

test("durations are as exact as a reader wants them", () => {
  expect([0.44, 9.96, 42.4, 119, 200, 3600].map(duration)).toEqual([
    ...["0.4 s", "10.0 s", "42 s", "119 s", "3 min 20 s", "60 min 0 s"],
  ]);
});
