/**
 * Reads every row of a database that may be damaged, as a process of its own, since LMDB itself may end a process that
 * meets a damaged page: `database-probe <directory> check|salvage <table>…`. Says on standard output, one JSON value to a
 * line, which table it reads, each damaged key, each sound row if it salvages, and that it came to the end of a table.
 * Knows what makes a row sound; not what becomes of it.
 */
import { writeSync } from "node:fs";
import {
  decodeDerivation,
  decodeDirectory,
  decodeObjectInfo,
  drvHash,
  type ObjectInfo,
  STORE_DIR,
  type StorePath,
  sha256Hex,
  storePathOf,
  toHex,
} from "@cab/core";
import { open } from "lmdb";
import { SCHEMA_VERSION } from "./schema.ts";
import { isSealed, openValue, sealValue } from "./sealed-value.ts";

export type ProbeLine =
  | { readonly table: string }
  | { readonly damaged: string }
  /** `value`: base 64 of the row without its checksum. */
  | { readonly key: string; readonly value: string }
  | { readonly rows: number };

const [directory = "", mode = "", ...tables] = process.argv.slice(2);

/** Written at once: what a crash keeps back would be taken for lost. */
function say(line: ProbeLine): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

const env = open({ path: directory, encoding: "binary", overlappingSync: false, maxDbs: 16 });
const textTable = (name: string) => env.openDB<Buffer, string>({ name, encoding: "binary" });
const objects = textTable("objects");
const referrers = textTable("referrers");

function objectAt(key: string, value: Buffer | undefined): ObjectInfo | undefined {
  const payload = value === undefined ? undefined : openValue("objects", key, value);
  return payload === undefined ? undefined : decodeObjectInfo(payload, `${STORE_DIR}/${key}` as StorePath);
}

/** Records of another version are not ours to decode: their checksums are all that can be looked at. */
const schema = textTable("meta").get("schema");
const isCurrent = schema?.equals(sealValue("meta", "schema", Buffer.from(String(SCHEMA_VERSION)))) ?? true;

/** The row without its checksum; undefined if it is damaged, or cannot be taken over. */
function soundRow(table: string, key: string, value: Buffer): Uint8Array | undefined {
  if (isCurrent || table === "directories" || table === "derivations") return soundRecord(table, key, value);
  if (mode === "salvage") return undefined;
  return isSealed(table) ? openValue(table, key, value) : value;
}

function soundRecord(table: string, key: string, value: Buffer): Uint8Array | undefined {
  switch (table) {
    case "objects":
      return isReferredFrom(key, objectAt(key, value)) ? openValue(table, key, value) : undefined;
    case "referrers":
      return refers(key) ? value : undefined;
    case "derivations": {
      const drv = decodeDerivation(value);
      return drv !== undefined && drvHash(drv) === key ? value : undefined;
    }
    case "directories":
      return sha256Hex(value) === key && decodeDirectory(value) !== undefined ? value : undefined;
    case "realisations": {
      const payload = openValue(table, key, value);
      return storePathOf(payload?.toString()) === undefined ? undefined : payload;
    }
    default:
      return openValue(table, key, value);
  }
}

/** Every reference of an object has its row in the other table; while salvaging that one is made anew. */
const isReferredFrom = (key: string, info: ObjectInfo | undefined): boolean =>
  info !== undefined &&
  (mode === "salvage" ||
    info.references.every((path) => referrers.doesExist(`${path.slice(STORE_DIR.length + 1)} ${key}`)));

function refers(key: string): boolean {
  const [reference = "", referrer = ""] = key.split(" ");
  return (
    objectAt(referrer, objects.get(referrer))?.references.includes(`${STORE_DIR}/${reference}` as StorePath) ?? false
  );
}

function* rowsOf(table: string): Generator<{ readonly key: string; readonly value: Buffer }> {
  if (table !== "directories") {
    yield* textTable(table).getRange();
    return;
  }
  const binary = env.openDB<Buffer, Uint8Array>({ name: table, encoding: "binary", keyEncoding: "binary" });
  for (const { key, value } of binary.getRange()) yield { key: toHex(key), value };
}

for (const table of tables) {
  say({ table });
  let rows = 0;
  for (const { key, value } of rowsOf(table)) {
    rows++;
    const payload = soundRow(table, key, value);
    if (payload === undefined) say({ damaged: key });
    else if (mode === "salvage") say({ key, value: Buffer.from(payload).toString("base64") });
  }
  say({ rows });
}
await env.close();
