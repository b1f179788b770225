/**
 * The version of the database's records: written when it is made, read when it is opened, and looked at again in every
 * transaction, since a newer cab may have brought it to a newer version meanwhile. Knows versions; not what a record holds.
 */
import { type StoreFailure, utf8 } from "@cab/core";
import { type Environment, getSealed, putSealed, type Table } from "./environment.ts";
import { StoreException } from "./failure.ts";
import { MIGRATIONS, type Migration } from "./migrations/index.ts";
import { sealValue } from "./sealed-value.ts";
import { syncDirectory } from "./sync.ts";

export const schemaVersion = (migrations: readonly Migration[]): number => 1 + migrations.length;

/** What this cab reads and writes. */
export const SCHEMA_VERSION = schemaVersion(MIGRATIONS);

const META = "meta";
const KEY = "schema";

/** Undefined if the database is new. */
export function schemaOf(environment: Environment, meta: Table): number | undefined {
  const found = getSealed(environment, meta, { name: META, key: KEY });
  return found === undefined ? undefined : Number(found.toString());
}

export const putSchema = (meta: Table, version: number): void => putSealed(meta, META, KEY, utf8(String(version)));

export interface Schema {
  /** Throws if another version stands there now. */
  readonly require: () => void;
}

/** Makes a new database one of this version; throws if it has another one. */
export function openSchema(environment: Environment, root: string, supported: number): Schema {
  const { env, directory, isCopy, table, reading, writing } = environment;
  const meta = table(META);
  const expected = sealValue(META, KEY, utf8(String(supported)));
  const refusal = (found: number): StoreFailure =>
    found > supported
      ? { _tag: "StoreTooNew", root, found, supported }
      : { _tag: "StoreOutdated", root, found, supported, readOnly: isCopy };
  const schema: Schema = {
    require: () => {
      // Compared as bytes, since this happens in every transaction.
      if (reading(() => meta.get(KEY))?.equals(expected)) return;
      throw new StoreException(refusal(schemaOf(environment, meta) ?? 0));
    },
  };
  try {
    if (schemaOf(environment, meta) === undefined) {
      // The file's name, before anything is in it that a later process takes for durable.
      reading(() => syncDirectory(directory));
      // Another process may be making it, too.
      writing(() => schemaOf(environment, meta) ?? putSchema(meta, supported));
    }
    schema.require();
    return schema;
  } catch (error) {
    void env.close();
    throw error;
  }
}
