/** Full disks and used-up inodes, met at every step: one page, or one inode, more in each attempt, until there is enough. */
import { describe, expect, test } from "vitest";
import { startChild } from "./testing/processes.ts";
import { temporaryDirectory } from "./testing/rig.ts";
import type { Attempt, StoreState } from "./testing/scarce.ts";
import { mayMount, onSmallDisk } from "./testing/small-disk.ts";

const SIZES = { pages: "size=16m", inodes: "size=64m,nr_inodes=800" } as const;

/** What the store is before the first attempt, and how each of them ended. */
async function attempts(operation: string, scarce: keyof typeof SIZES) {
  const mount = temporaryDirectory();
  const child = startChild([mount, operation, scarce], onSmallDisk(mount, SIZES[scarce]), "scarce.ts");
  const lines = await child.rest();
  expect((await child.ended).how).toBe(0);
  const [before, ...rest] = lines.map((line) => JSON.parse(line));
  return { before: before as StoreState, attempts: rest as Attempt[] };
}

describe.skipIf(!mayMount).each(["pages", "inodes"] as const)("with too few %s (needs user namespaces)", (scarce) => {
  test.each([
    ["open", "a new store"],
    ["reopen", "a store that is there"],
    ["repair", "a damaged object"],
    ["rebuild", "the database"],
    ["root", "a root"],
    ["claim", "a derivation"],
    ["keep", "objects for a process"],
    ["record", "realisations"],
  ])(
    "%s (%s): a failure that says so and changes nothing, and then success",
    async (operation) => {
      const { before, attempts: all } = await attempts(operation, scarce);
      const failed = all.slice(0, -1);
      expect(all.at(-1)?.outcome).toBe("done");
      for (const { outcome, state } of failed) expect([outcome, state]).toEqual(["StoreIo ENOSPC", before]);
    },
    120_000,
  );

  test("admit: what was built, all of it or nothing, whichever step finds no room", async () => {
    const { before, attempts: all } = await attempts("admit", scarce);
    const failed = all.slice(0, -1);
    expect(all.at(-1)?.outcome).toBe("done");
    for (const { outcome, state } of failed) expect([outcome, state]).toEqual(["StoreIo ENOSPC", before]);
    const steps = new Set(failed.map(({ step }) => step));
    expect([...steps]).toEqual(scarce === "pages" ? ["pooled", "renamed"] : ["synced", "pooled"]);
  }, 120_000);

  test("import: each object whole or not at all, and nothing of it beside", async () => {
    const { before, attempts: all } = await attempts("import", scarce);
    const after = all.at(-1)?.state as StoreState;
    expect(all.at(-1)?.outcome).toBe("done");
    expect(after.valid.length).toBe(before.valid.length + 2);
    for (const { outcome, state, step } of all.slice(0, -1)) {
      expect(["StoreIo ENOSPC", "StreamTooLarge"]).toContain(outcome);
      // The first object stays when the second finds no room.
      const isOneTaken = step === "committed";
      expect(state.valid.length).toBe(before.valid.length + (isOneTaken ? 1 : 0));
      if (!isOneTaken) expect(state).toEqual(before);
      expect([state.damages, state.names.length]).toEqual([[], state.valid.length + 1]);
    }
  }, 120_000);

  test("collect: needs no room at all", async () => {
    const { attempts: all } = await attempts("collect", scarce);
    expect(all).toMatchObject([{ left: 0, outcome: "done", state: { valid: [], names: [".links"], pool: [] } }]);
  }, 120_000);
});
