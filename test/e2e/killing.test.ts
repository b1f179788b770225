/** `kill -9` at twenty random moments; test/nightly has two hundred. */
import { afterAll, expect, test } from "vitest";
import { disturb } from "./killing.ts";
import { removeFolder, temporaryFolder } from "./support.ts";

const folder = temporaryFolder("killing");
afterAll(() => removeFolder(folder));

test("processes that are killed while they work on one store leave it whole, and nothing of themselves", async () => {
  const { killed, built, builders, broken } = await disturb({ folder, moments: 20, seed: 20 });
  expect(broken).toEqual([]);
  expect([built > 0, builders > 0]).toEqual([true, true]);
  expect(killed.one + killed.all).toBe(20);
});
