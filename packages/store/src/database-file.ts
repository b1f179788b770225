/**
 * The files of an LMDB environment, looked at and prepared before lmdb opens them: what it would end the process for is a
 * failure here. Knows no table and no value.
 */
import {
  closeSync,
  fstatSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { errorCode, StoreException } from "./failure.ts";
import { hasDamagedRows } from "./probe.ts";

/** One of the two pages, taken in turns, that say where everything is (`MDB_page_header` and `MDB_meta` of lmdb's mdb.c). */
const META = { flags: 18, magic: 24, version: 28, pageSize: 48, lastPage: 144, end: 168 };
const META_PAGE = 0x08;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
/** Those of processors: LMDB takes the one of the machine that makes the database. */
const PAGE_SIZES = new Set([4096, 8192, 16384, 32768, 65536]);

const damaged = (key: string): StoreException => new StoreException({ _tag: "StoreDamaged", table: "database", key });

function metaPage(descriptor: number, at: number): { readonly pageSize: number; readonly pages: number } {
  const page = Buffer.alloc(META.end);
  const length = readSync(descriptor, page, 0, META.end, at);
  const pageSize = page.readUInt32LE(META.pageSize);
  const isMeta =
    length === META.end &&
    (page.readUInt16LE(META.flags) & META_PAGE) !== 0 &&
    page.readUInt32LE(META.magic) === MAGIC &&
    page.readUInt32LE(META.version) === VERSION &&
    PAGE_SIZES.has(pageSize);
  if (!isMeta) throw damaged("data.mdb, whose first pages are none of a database");
  return { pageSize, pages: Number(page.readBigUInt64LE(META.lastPage)) + 1 };
}

/** The file's size, and the size that it has if all its pages are there; undefined if there is none yet. */
function lengths(file: string): { readonly found: number; readonly whole: number } | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size === 0) return undefined;
    const first = metaPage(descriptor, 0);
    const second = metaPage(descriptor, first.pageSize);
    return { found: size, whole: Math.max(first.pages, second.pages) * first.pageSize };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * lmdb-js ends the process with a segmentation fault when it is given a file of another kind, and the system does where a file
 * ends too early. That it ends before the last page is no damage if nothing is on the pages that lack, which LMDB never
 * writes then; so another process reads all of it first.
 */
export function requireLmdb(directory: string): void {
  const sizes = lengths(join(directory, "data.mdb"));
  if (sizes === undefined || sizes.found >= sizes.whole) return;
  if (hasDamagedRows(directory)) throw damaged(`data.mdb, of which ${sizes.found} of ${sizes.whole} bytes are left`);
}

/** Room for 188 readers at once; LMDB takes their number from the file's length. */
const LOCK_BYTES = 3 * 4096;

/** More than the first pages of a new database take. */
const NEW_BYTES = 1 << 18;

/**
 * Where a file is not there yet, LMDB makes it; and if the disk is full then, that is no error but the end of the process: a
 * segmentation fault for the database, a bus error for the lock file, which it makes a hole and writes to through memory. So
 * the one finds that there is room, and the other a file that has its room: whole from the moment it is there, since another
 * process may be opening the same database.
 */
export function requireRoom(directory: string): void {
  const [data, lock] = ["data.mdb", "lock.mdb"].map((name) => join(directory, name)) as [string, string];
  const isThere = (file: string): boolean => statSync(file, { throwIfNoEntry: false }) !== undefined;
  if (isThere(data) && isThere(lock)) return;
  mkdirSync(directory, { recursive: true });
  const beside = mkdtempSync(join(directory, "new-"));
  try {
    if (!isThere(data)) writeFileSync(join(beside, "room"), Buffer.alloc(NEW_BYTES), { flush: true });
    writeFileSync(join(beside, "lock"), Buffer.alloc(LOCK_BYTES), { flush: true });
    linkSync(join(beside, "lock"), lock);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}
