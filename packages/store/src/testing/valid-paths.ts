/** The objects that a store calls valid, by what lies in its folder. */
import { readdirSync } from "node:fs";
import { STORE_DIR, type StorePath, storePathOf } from "@cab/core";
import type { Store } from "../store.ts";

export const validPaths = (store: Store): StorePath[] =>
  readdirSync(store.layout.store).flatMap((name) => {
    const path = storePathOf(`${STORE_DIR}/${name}`);
    return path !== undefined && store.object(path) !== undefined ? [path] : [];
  });
