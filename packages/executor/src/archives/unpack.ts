/** Unpacks one archive of any known format, told by its first bytes. Knows nothing of derivations. */
import { closeSync, openSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { errnoOf, Failed } from "../failure.ts";
import { type ByteRange, readAt, wholeFile } from "./byte-range.ts";
import { AR_MAGIC, debPayload } from "./deb.ts";
import { compressionOf, decompressed } from "./decompress.ts";
import { type ArchiveEntry, type Destination, unpackEntry } from "./entry.ts";
import { tarEntries } from "./tar.ts";
import { zipEntries } from "./zip.ts";

/**
 * Bytes after which others get their turn. Some decoders never wait for anything, and without this a cancel, or the
 * progress of other builds, would have to wait for the archive's end. 1 MiB takes about 15 ms by xz.
 */
const TURN = 2 ** 20;

const ZIP_MAGIC = ["PK\x03\x04", "PK\x05\x06"];

export async function unpackArchive(file: string, destination: Destination): Promise<void> {
  const fd = openSync(file, "r");
  try {
    const whole = wholeFile(fd);
    destination.budget.input(whole.length);
    for await (const entry of entriesOf(file, whole, destination)) {
      await unpackEntry(entry, destination);
    }
  } catch (error) {
    // Whatever a decoder makes of hostile bytes is the archive's fault; the system's errors and our own are not.
    const isDecoders = error instanceof Error && !(error instanceof Failed) && !error.message.startsWith("BUG:");
    if (!isDecoders || errnoOf(error) !== undefined) throw error;
    destination.refuse(null, `it cannot be read: ${error.message}`);
  } finally {
    closeSync(fd);
  }
}

function entriesOf(file: string, whole: ByteRange, { budget, refuse }: Destination): AsyncIterable<ArchiveEntry> {
  const start = readAt(whole, 0, AR_MAGIC.length).toString("latin1");
  if (ZIP_MAGIC.some((magic) => start.startsWith(magic))) return zipEntries(file, budget, refuse);
  const range = start === AR_MAGIC ? debPayload(whole, refuse) : whole;
  const compression = compressionOf(range);
  if (compression === "none" && range === whole && !looksLikeTar(whole)) {
    refuse(null, "it is none of deb, tar, tar.gz, tar.xz, tar.bz2, tar.zst, zip");
  }
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    let sinceTurn = 0;
    for await (const chunk of decompressed(range, compression, refuse)) {
      budget.output(chunk.length);
      sinceTurn += chunk.length;
      if (sinceTurn >= TURN) {
        sinceTurn = 0;
        await setImmediate();
      }
      yield chunk;
    }
  };
  return tarEntries(counted(), refuse);
}

/** POSIX and GNU archives say so; one of the seventh edition's is known by its header's checksum. */
function looksLikeTar(range: ByteRange): boolean {
  const header = readAt(range, 0, 512);
  if (header.length < 512) return false;
  if (header.subarray(257, 262).toString("latin1") === "ustar") return true;
  let sum = 8 * 32;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += header[i] as number;
  return sum === Number.parseInt(header.subarray(148, 156).toString("latin1"), 8) || header.every((byte) => byte === 0);
}
