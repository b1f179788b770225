/** Reads zip archives (zip64 too) as entries, checking each file's size and CRC. Knows nothing of where entries go. */
import { crc32 } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";
import { nameOfBytes, type Refuse } from "../tree/tree-writer.ts";
import type { Budget } from "./budget.ts";
import type { ArchiveEntry } from "./entry.ts";

const MADE_BY_UNIX = 3;
const UTF8_FLAG = 0x800;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const MAX_TARGET = 4096;

export async function* zipEntries(file: string, budget: Budget, refuse: Refuse): AsyncGenerator<ArchiveEntry> {
  const yauzl = (await import("yauzl")).default;
  const zip = await yauzl.openPromise(file, { decodeStrings: false, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      const raw = entry.fileName;
      // A name is taken as it stands where that is well defined; else what the flag and the extra fields say of it.
      const isPlain = (entry.generalPurposeBitFlag & UTF8_FLAG) !== 0 || raw.every((byte) => byte < 0x80);
      const text = yauzl.getFileNameLowLevel(entry.generalPurposeBitFlag, raw, entry.extraFields, true);
      const name = nameOfBytes(isPlain ? raw : Buffer.from(text, "utf8"));
      yield await toEntry(zip, entry, name, budget, refuse);
    }
  } finally {
    zip.close();
  }
}

async function toEntry(
  zip: ZipFile,
  entry: Entry,
  name: string,
  budget: Budget,
  refuse: Refuse,
): Promise<ArchiveEntry> {
  const mode = entry.versionMadeBy >>> 8 === MADE_BY_UNIX ? entry.externalFileAttributes >>> 16 : 0;
  const type = mode & S_IFMT;
  if (name.endsWith("/") || type === S_IFDIR) return { name, kind: "directory" };
  if (entry.isEncrypted()) return { name, kind: "unsupported", what: "an encrypted file" };
  const contents = checked(zip, entry, budget, () => refuse(name, "its checksum is wrong"));
  if (type === S_IFLNK) {
    if (entry.uncompressedSize > MAX_TARGET) refuse(name, "its target is too long");
    const target: Uint8Array[] = [];
    for await (const chunk of contents) target.push(chunk);
    return { name, kind: "symlink", target: nameOfBytes(Buffer.concat(target)) };
  }
  if (type !== 0 && type !== S_IFREG) return { name, kind: "unsupported", what: "a special file" };
  return { name, kind: "file", mode, contents };
}

async function* checked(zip: ZipFile, entry: Entry, budget: Budget, mismatch: () => never): AsyncGenerator<Uint8Array> {
  let crc = 0;
  for await (const chunk of await zip.openReadStreamPromise(entry)) {
    budget.output(chunk.length);
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (crc !== entry.crc32) mismatch();
}
