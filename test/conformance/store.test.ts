/** The store on disk and the one in memory that core's algorithm is tested against are one kind of store. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createWorld } from "@cab/core/testing";
import { openStore } from "@cab/store";
import { onTestFinished } from "vitest";
import { storeConformance } from "./store.conformance.ts";

storeConformance("on disk", () => {
  const root = mkdtempSync(join(tmpdir(), "cab-conformance-"));
  const opened = openStore({ root, builder: null });
  if (opened._tag === "Left") throw new Error(JSON.stringify(opened.left));
  const store = opened.right;
  onTestFinished(async () => {
    await store.close();
    // Objects may not be written, and so not removed, until their directory may be.
    for (const name of readdirSync(join(root, "store"))) chmodSync(join(root, "store", name), 0o755);
    rmSync(root, { recursive: true });
  });
  return {
    store,
    write: (file, content) => writeFileSync(file, content),
    read: (path) => readFileSync(store.physical(path), "utf8"),
  };
});

storeConformance("in memory", () => {
  const { store, scratchFiles, objects } = createWorld({ behaviour: () => ({}) });
  return {
    store,
    write: (file, content) => scratchFiles.set(file, content),
    read: (path) => objects.get(path)?.content ?? "",
  };
});
