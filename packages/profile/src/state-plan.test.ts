import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foreignTo, planState, type StateQuestion } from "./state-plan.ts";

const spec = (format: string, converts: string | null = "ldif") => new Map([["data", { format, converts }]]);
const reader = (number: number, format: string, converts: string | null = "ldif") => ({
  number,
  state: spec(format, converts),
});

const question = (of: Partial<StateQuestion>): StateQuestion => ({
  now: [{ name: "data", format: "1" }],
  target: reader(2, "2"),
  readers: [reader(1, "1")],
  backups: [],
  discardWrites: false,
  ...of,
});

const backup = { name: "data", format: "2", file: "data.1.gz" };
const refused = (reason: string, hasBackup = false) => ({
  steps: [],
  refusals: [{ name: "data", found: "1", wanted: "2", reason, hasBackup }],
});
const step = (of: object) => ({ steps: [{ name: "data", ...of }], refusals: [] });
const KEEP = step({ _tag: "Keep" });

describe("a state", () => {
  test.each<[string, Partial<StateQuestion>, object]>([
    ["of the same format stays", { target: reader(2, "1") }, KEEP],
    ["that is not there yet stays so", { now: [{ name: "data", format: null }] }, KEEP],
    ["that the role does not have stays", { target: { number: 2, state: new Map() } }, KEEP],
    ["is converted by who reads it", {}, step({ _tag: "Convert", from: "1", to: "2", reader: 1 })],
    [
      "is converted by the first that also has the text",
      { readers: [reader(4, "1", "other"), reader(3, "1"), reader(1, "1")] },
      step({ _tag: "Convert", from: "1", to: "2", reader: 3 }),
    ],
    ["that nobody reads is refused", { readers: [reader(1, "3")] }, refused("unreadable")],
    ["without a text is refused", { target: reader(2, "2", null) }, refused("unconvertible")],
    ["without a text on the old side too", { readers: [reader(1, "1", null)] }, refused("unconvertible")],
    ["with a backup says so", { readers: [], backups: [backup] }, refused("unreadable", true)],
    ["may be discarded for no backup", { discardWrites: true }, refused("no-backup")],
    [
      "is discarded for the newest backup of the wanted format",
      { discardWrites: true, backups: [{ ...backup, format: "3" }, backup, { ...backup, file: "data.0.gz" }] },
      step({ _tag: "Discard", from: "1", to: "2", backup: "data.1.gz" }),
    ],
  ])("%s", (_, of, plan) => {
    expect(planState(question(of))).toEqual(plan);
  });
});

test("whatever is planned gives the target data of its own format, or refuses", () => {
  const format = fc.constantFrom("1", "2", "3");
  const converts = fc.constantFrom(null, "ldif", "sql");
  const specs = fc.record({ format, converts }).map((data) => new Map([["data", data]]));
  const readers = fc.array(fc.record({ number: fc.nat({ max: 9 }), state: specs }), { maxLength: 4 });
  fc.assert(
    fc.property(fc.option(format), specs, readers, fc.boolean(), (found, state, known, discardWrites) => {
      const now = [{ name: "data", format: found }];
      const { steps, refusals } = planState({
        now,
        target: { number: 10, state },
        readers: known,
        backups: [],
        discardWrites,
      });
      expect(steps.length + refusals.length).toBe(1);
      const isForeign = foreignTo(state, now).length > 0;
      expect(steps.some(({ _tag }) => _tag === "Keep")).toBe(!isForeign);
    }),
  );
});
