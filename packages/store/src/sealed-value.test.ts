import { anyHarm, fuzzing, harmed } from "@cab/core/testing/arbitrary";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openValue, sealValue } from "./sealed-value.ts";

const { runs, timeout } = fuzzing(3_000);

const anyKey = fc.string({ maxLength: 20 });
const anyPayload = fc.uint8Array({ maxLength: 200 });

test("a sealed value opens as it was, under its own table and key only", () =>
  fc.assert(
    fc.property(anyKey, anyKey, anyPayload, (key, other, payload) => {
      const value = sealValue("objects", key, payload);
      expect(openValue("objects", key, value)).toEqual(Buffer.from(payload));
      expect(openValue("derivations", key, value)).toBeUndefined();
      if (other !== key) expect(openValue("objects", other, value)).toBeUndefined();
    }),
  ));

test(
  "whatever else was done to it, it does not open",
  () =>
    fc.assert(
      fc.property(anyKey, anyPayload, fc.array(anyHarm(), { minLength: 1, maxLength: 3 }), (key, payload, harms) => {
        const value = sealValue("objects", key, payload);
        const changed = Buffer.from(harmed(value, harms));
        if (!changed.equals(value) && openValue("objects", key, changed) !== undefined) {
          expect(changed.toString("hex")).toBe(value.toString("hex"));
        }
      }),
      { numRuns: runs },
    ),
  timeout,
);
