import { expect, test } from "vitest";
import { type Described, paramChanges, unitChanges } from "./compare.ts";
import type { UnitSpec } from "./manifest.ts";

const unit = (of: Partial<UnitSpec["uses"]> = {}, after: string[] = []): UnitSpec => ({
  uses: { files: [], params: [], secrets: [], ...of },
  after,
});

const role = (services: Record<string, UnitSpec>, params: Record<string, string> = {}): Described => ({
  manifest: {
    name: "role",
    description: "",
    params: new Map(
      ["port", "log"].map((name) => [
        name,
        { kind: "string", description: "", default: name === "log" ? "none" : null, optional: true },
      ]),
    ),
    secrets: new Map(),
    services: new Map(Object.entries(services)),
    tasks: new Map([["owner", unit({ params: ["port"] })]]),
    timers: new Map(),
    state: new Map(),
    health: { probes: [], seconds: 1 },
    sizeBudget: null,
  },
  params: new Map(Object.entries(params)),
});

test("units start, stop, and restart for each thing of theirs that changed", () => {
  const before = role({
    gone: unit(),
    program: unit(),
    file: unit({ files: ["a.conf"] }),
    kept: unit({ files: ["b.conf"] }),
  });
  const after = role(
    {
      fresh: unit(),
      program: unit(),
      file: unit({ files: ["a.conf"] }),
      kept: unit({ files: ["b.conf"] }),
      task: unit({}, ["owner"]),
    },
    { port: "1" },
  );
  const both = {
    ...before,
    manifest: {
      ...before.manifest,
      services: new Map([...before.manifest.services, ["task", unit({}, ["owner"])] as const]),
    },
  };
  const changed = new Set(["libexec/services/program/program", "etc/a.conf", "etc/b.conf.old", "role.json"]);
  expect(unitChanges(both, after, changed)).toEqual([
    { name: "file", change: "restarts", why: ["its file a.conf"] },
    { name: "fresh", change: "starts", why: [] },
    { name: "gone", change: "stops", why: [] },
    { name: "program", change: "restarts", why: ["its program"] },
    { name: "task", change: "restarts", why: ["task owner"] },
  ]);
});

test("a parameter changes by what it comes to", () => {
  const before = role({}, { log: "none" });
  const after = role({}, { port: "1" });
  expect(paramChanges(before, after)).toEqual([{ name: "port", before: null, after: "1" }]);
});
