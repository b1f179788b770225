import type { DrvHash, RealiseEvent, StorePath } from "@cab/core";
import { expect, test } from "vitest";
import { createProgress, duration } from "./progress.ts";
import type { Host } from "./verb.ts";

const drv = "d".repeat(64) as DrvHash;
const path = `/cab/store/${"0".repeat(32)}-zlib-1.2.13` as StorePath;

function shown(terminal: Host["terminal"], events: readonly RealiseEvent[]): string {
  let text = "";
  const host: Host = {
    env: {},
    cwd: "/",
    uid: 1,
    cores: 2,
    terminal,
    out: () => {},
    err: (more) => {
      text += more;
    },
    input: async () => null,
    output: async () => null,
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

test("durations are as exact as a reader wants them", () => {
  expect([0.44, 9.96, 42.4, 119, 200, 3600].map(duration)).toEqual([
    ...["0.4 s", "10.0 s", "42 s", "119 s", "3 min 20 s", "60 min 0 s"],
  ]);
});
