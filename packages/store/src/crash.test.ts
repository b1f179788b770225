import { readdirSync } from "node:fs";
import type { ObjectInfo, RealisationKey, StorePath } from "@cab/core";
import { describe, expect, test } from "vitest";
import { openStore } from "./store.ts";
import { startChild } from "./testing/processes.ts";
import { proves } from "./testing/proof.ts";
import { rightOf, temporaryDirectory } from "./testing/rig.ts";
import { mayMount, onSmallDisk } from "./testing/small-disk.ts";
import { validPaths } from "./testing/valid-paths.ts";

interface Said {
  readonly admitted: { readonly right: Readonly<Record<string, StorePath>> };
  readonly steps: number;
}

async function admitInChild(root: string): Promise<Said> {
  return (await startChild([root, "admit", "0"]).said()) as Said;
}

describe("killed between any two steps of an admission", () => {
  test("what the database calls valid is whole, and the next process gets the same paths", async () => {
    const whole = await admitInChild(temporaryDirectory());
    expect(whole.steps).toBeGreaterThan(7);
    for (let step = 1; step <= whole.steps; step++) {
      const root = temporaryDirectory();
      expect((await startChild([root, "admit", String(step)]).ended).how).toBe("SIGKILL");
      const store = rightOf(openStore({ root, builder: null }));
      const valid = validPaths(store);
      for (const path of valid) {
        const info = store.object(path) as ObjectInfo;
        expect(await proves(store, info)).toEqual({ ...info, deriver: null });
      }
      // All or none: a realisation is there only with both objects.
      const committed = step === whole.steps;
      expect(valid.length).toBe(committed ? 2 : 0);
      const again = await admitInChild(root);
      expect(again.admitted).toEqual(whole.admitted);
      const left = readdirSync(store.layout.store).filter((name) => name.startsWith(".tmp-"));
      expect(left).toEqual([]);
      const { out, doc } = again.admitted.right as Record<"out" | "doc", StorePath>;
      const info = store.object(doc) as ObjectInfo;
      expect(store.realisation(`drv:${info.deriver}:out` as RealisationKey)).toBe(out);
      expect(info.references).toEqual([out]);
      await store.close();
    }
  }, 120_000);
});

describe("a full disk", () => {
  test.skipIf(!mayMount)("is called one where the database meets it (needs user namespaces)", async () => {
    const root = temporaryDirectory();
    const child = startChild([root, "record", "20000"], onSmallDisk(root, "size=1m"));
    expect(await child.said()).toMatchObject({ _tag: "Left", left: { _tag: "StoreIo", code: "ENOSPC" } });
  });

  test.skipIf(!mayMount)("is a failure that leaves nothing behind (needs user namespaces)", async () => {
    const root = temporaryDirectory();
    const list = 'ls -A "$0/store" "$0/var/processes"';
    const admitOf = (bytes: string) => startChild([root, "admit", "0", bytes], onSmallDisk(root, "size=4m", list));
    expect(await admitOf("1000").said()).toMatchObject({ admitted: { _tag: "Right" } });
    const full = admitOf("1200000");
    expect(await full.said()).toMatchObject({
      admitted: { _tag: "Left", left: { _tag: "StoreIo", operation: "admit outputs", code: "ENOSPC" } },
    });
    expect(await full.rest()).toEqual([`${root}/store:`, ".links", "", `${root}/var/processes:`]);
  });
});
