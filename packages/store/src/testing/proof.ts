/** Whether what a store calls valid is whole, found out in a new store, by the objects' bytes. */
import { join } from "node:path";
import type { ObjectInfo } from "@cab/core";
import { openStore, type Store } from "../store.ts";
import { readTree, rightOf, temporaryDirectory, writeTree } from "./rig.ts";

/** Admits what lies at `file` in a new store, under the object's record: its name is computed afresh from its bytes. */
export async function proves(store: Store, info: ObjectInfo): Promise<ObjectInfo> {
  const fresh = rightOf(openStore({ root: temporaryDirectory(), builder: null }));
  const proven = await proveInto(fresh, store, info);
  await fresh.close();
  return proven;
}

async function proveInto(fresh: Store, store: Store, info: ObjectInfo): Promise<ObjectInfo> {
  for (const reference of info.references) await proveInto(fresh, store, store.object(reference) as ObjectInfo);
  const scratch = rightOf(await fresh.openScratch("proof")());
  const file = join(scratch.storeDir, "tree");
  writeTree(file, readTree(store.physical(info.path)));
  return rightOf(await fresh.admitObject(scratch, file, info)());
}
