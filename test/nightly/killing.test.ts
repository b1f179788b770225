/** `kill -9` at two hundred random moments, by another seed each night: a failure says which. */
import { afterAll, expect, test } from "vitest";
import { disturb } from "../e2e/killing.ts";
import { removeFolder, temporaryFolder } from "../e2e/support.ts";

const folder = temporaryFolder("killing");
afterAll(() => removeFolder(folder));

test("processes that are killed while they work on one store leave it whole, and nothing of themselves", async () => {
  const seed = Number(process.env.CAB_KILLING_SEED ?? Math.floor(Date.now() / 86_400_000));
  const { killed, ended, built, builders, broken } = await disturb({ folder, moments: 200, seed });
  console.log(`seed ${seed}: ${JSON.stringify({ killed, ended, built, builders })}`);
  expect({ seed, broken }).toEqual({ seed, broken: [] });
  expect(killed.one + killed.all).toBe(200);
});
