/** Stores as no cab leaves them: written by a newer one, or damaged. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Database } from "../../packages/store/node_modules/lmdb/index.d.ts";
import { sealValue } from "../../packages/store/src/sealed-value.ts";
import { CHECKOUT } from "./support.ts";

/** Resolves lmdb as the store does, whose dependency it is. */
const lmdb = createRequire(pathToFileURL(join(CHECKOUT, "packages/store/package.json"))).resolve("lmdb");

async function withTable(
  root: string,
  table: string,
  change: (table: Database<Buffer, string>) => Promise<unknown>,
): Promise<void> {
  const { open } = (await import(lmdb)) as typeof import("../../packages/store/node_modules/lmdb/index.d.ts");
  const environment = open({ path: join(root, "var/db"), encoding: "binary", overlappingSync: false, maxDbs: 16 });
  await change(environment.openDB<Buffer, string>({ name: table, encoding: "binary" }));
  await environment.close();
}

/** As a newer cab would have written it. */
export const setStoreFormat = (root: string, format: number): Promise<void> =>
  withTable(root, "meta", (meta) => meta.put("schema", sealValue("meta", "schema", Buffer.from(String(format)))));

/** Flips one bit in the record of the object of this base name. */
export const damageObject = (root: string, baseName: string): Promise<void> =>
  withTable(root, "objects", (objects) => {
    const record = Buffer.from(objects.get(baseName) as Buffer);
    record.writeUInt8(record.readUInt8(10) ^ 1, 10);
    return objects.put(baseName, record);
  });
