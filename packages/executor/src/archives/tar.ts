/** Reads tar archives (ustar, GNU, pax) as entries. Knows nothing of compression or of where entries go. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Header } from "tar-stream";
import { nameOfBytes, type Refuse } from "../tree/tree-writer.ts";
import type { ArchiveEntry } from "./entry.ts";

const BLOCK = 512;

export async function* tarEntries(bytes: AsyncIterable<Uint8Array>, refuse: Refuse): AsyncGenerator<ArchiveEntry> {
  const { extract } = (await import("tar-stream")).default;
  let zeros = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      zeros = trailingZeros(chunk, zeros);
      yield chunk;
    }
  };
  // Latin-1 keeps each byte of a name as one character. (The library's declarations miss these two options.)
  const options = { highWaterMark: 64 * 1024, filenameEncoding: "latin1", allowUnknownFormat: true };
  const reader = extract(options);
  const feeding = pipeline(Readable.from(counted()), reader);
  feeding.catch(() => {});
  for await (const entry of reader) {
    yield toEntry(entry.header, entry as AsyncIterable<Uint8Array>, refuse);
    entry.resume();
  }
  await feeding;
  if (zeros < BLOCK) refuse(null, "it has no end: it was cut short between two entries, or is no tar archive");
}

/** Zero bytes at the end of what came so far, as far as it matters. */
function trailingZeros(chunk: Uint8Array, before: number): number {
  let count = 0;
  while (count < chunk.length && count < BLOCK && chunk[chunk.length - 1 - count] === 0) count++;
  return count === chunk.length ? before + count : count;
}

function toEntry(header: Header, contents: AsyncIterable<Uint8Array>, refuse: Refuse): ArchiveEntry {
  const pax = (header.pax ?? {}) as Readonly<Record<string, string>>;
  const { path, linkpath } = pax;
  const name = path === undefined ? header.name : fromPax(path, refuse);
  if (Object.keys(pax).some((key) => key.startsWith("GNU.sparse"))) {
    return { name, kind: "unsupported", what: "a sparse file" };
  }
  const target = linkpath === undefined ? (header.linkname ?? "") : fromPax(linkpath, refuse);
  switch (header.type) {
    case "file":
    case "contiguous-file":
      return name.endsWith("/")
        ? { name, kind: "directory" }
        : { name, kind: "file", mode: header.mode ?? 0, contents };
    case "directory":
      return { name, kind: "directory" };
    case "link":
      return { name, kind: "hardlink", target };
    case "symlink":
      return { name, kind: "symlink", target };
    case "character-device":
    case "block-device":
      return { name, kind: "unsupported", what: "a device" };
    case "fifo":
      return { name, kind: "unsupported", what: "a fifo" };
    default:
      return { name, kind: "unsupported", what: "an entry of an unknown kind" };
  }
}

/** Pax text is UTF-8 by its specification; the library has replaced whatever was not. */
function fromPax(text: string, refuse: Refuse): string {
  const name = nameOfBytes(Buffer.from(text, "utf8"));
  return text.includes("\ufffd") ? refuse(name, "its name in a pax header is not UTF-8") : name;
}
