/** Makes a store look as if a newer cab had written it. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { sealValue } from "../../packages/store/src/sealed-value.ts";
import { CHECKOUT } from "./support.ts";

/** Resolves lmdb as the store does, whose dependency it is. */
const lmdb = createRequire(pathToFileURL(join(CHECKOUT, "packages/store/package.json"))).resolve("lmdb");

export async function setStoreFormat(root: string, format: number): Promise<void> {
  const { open } = (await import(lmdb)) as typeof import("../../packages/store/node_modules/lmdb/index.d.ts");
  const environment = open({ path: join(root, "var/db"), encoding: "binary", overlappingSync: false, maxDbs: 16 });
  await environment
    .openDB<Buffer, string>({ name: "meta", encoding: "binary" })
    .put("schema", sealValue("meta", "schema", Buffer.from(String(format))));
  await environment.close();
}
