/**
 * Finds the payload of a Debian binary package: an ar archive of `debian-binary`, `control.tar.*` and `data.tar.*`. The
 * control part, with its maintainer scripts, is never read.
 *
 * Source: deb(5), and System V's ar: a 60-byte header for each member, which is padded to an even length.
 */
import type { Refuse } from "../tree/tree-writer.ts";
import { type ByteRange, readAt } from "./byte-range.ts";

export const AR_MAGIC = "!<arch>\n";

const HEADER = 60;
/** A package has three members; signatures may add a few. */
const MAX_MEMBERS = 16;

export function debPayload(archive: ByteRange, refuse: Refuse): ByteRange {
  let offset = AR_MAGIC.length;
  for (let member = 0; member < MAX_MEMBERS && offset < archive.length; member++) {
    const header = readAt(archive, offset, HEADER).toString("latin1");
    const sizeText = header.slice(48, 58).trimEnd();
    if (header.length !== HEADER || !header.endsWith("`\n") || !/^[0-9]+$/.test(sizeText)) {
      refuse(null, `its ar header at byte ${offset} is damaged`);
    }
    const name = header.slice(0, 16).trimEnd().replace(/\/$/, "");
    const range = { fd: archive.fd, start: archive.start + offset + HEADER, length: Number(sizeText) };
    if (offset + HEADER + range.length > archive.length) refuse(name, "the archive ends in the middle of it");
    if (member === 0 && (name !== "debian-binary" || !readAt(range, 0, 4).toString("latin1").startsWith("2."))) {
      refuse(name, "an ar archive must be a Debian package of format 2: debian-binary comes first");
    }
    if (/^data\.tar(\.(gz|xz|zst|bz2))?$/.test(name)) return range;
    offset += HEADER + range.length + (range.length % 2);
  }
  return refuse(null, "this Debian package has no data.tar");
}
