import fc from "fast-check";
import { expect, test } from "vitest";
import { createSlots } from "./slots.ts";

test("places go to the highest rank first, and among equals to the first that came", () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.nat(5)), async (ranks) => {
      const slots = createSlots(1);
      const release = await slots.acquire(0);
      const order: number[] = [];
      const turns = ranks.map(async (rank, i) => {
        const done = await slots.acquire(rank);
        order.push(i);
        done();
      });
      release();
      await Promise.all(turns);
      const byRank = ranks.map((rank, i) => ({ rank, i })).sort((a, b) => b.rank - a.rank || a.i - b.i);
      expect(order).toEqual(byRank.map(({ i }) => i));
    }),
  ));

test("as many places are taken at once as there are", () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(3), { maxLength: 30 }), async (count, ranks) => {
      const slots = createSlots(count);
      const held: (() => void)[] = [];
      for (const rank of ranks) void slots.acquire(rank).then((release) => held.push(release));
      let given = 0;
      for (let left = ranks.length; left > 0; left--) {
        await new Promise((resolve) => setImmediate(resolve));
        expect(held.length - given).toBe(Math.min(count, left));
        held[given++]?.();
      }
    }),
  ));
