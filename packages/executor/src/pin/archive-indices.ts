/**
 * The indices of Debian's archive, each fetched once: their digests are promised by the suite's release file, whose
 * signature is checked where the host can. Knows nothing of what is looked for in them.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { wholeFile } from "../archives/byte-range.ts";
import { compressionOf, decompressed } from "../archives/decompress.ts";
import { type PoolFile, parseRelease } from "./debian-index.ts";
import { anything, type Get, MAX_INDEX, unpinnable } from "./get.ts";
import { releaseSignature } from "./release-signature.ts";

/** An index's text, by suite and its path in it: `main/source/Sources.xz`. */
export type ArchiveIndices = (suite: string, path: string) => Promise<string>;

/** The index of source packages. */
export const SOURCES = "main/source/Sources.xz";

export interface IndicesHost {
  /** The engine's PATH, along which gpgv is looked for. */
  readonly path: string | undefined;
  /** Told when Debian's signature could not be checked on this host. */
  readonly onUnverified: (suite: string) => void;
}

export function archiveIndices(get: Get, host: IndicesHost): ArchiveIndices {
  const releases = new Map<string, Promise<ReadonlyMap<string, PoolFile>>>();
  const indices = new Map<string, Promise<string>>();
  return (suite, path) => {
    const base = `mirror://debian/dists/${suite}`;
    const fetchIndex = async (): Promise<string> => {
      const release = releases.get(suite) ?? signedRelease(suite, `${base}/InRelease`, get, host);
      releases.set(suite, release);
      const promised = (await release).get(path);
      if (promised === undefined) return unpinnable(`${base}/InRelease`, `it lists no ${path}`);
      const { sha256: digest, size } = promised;
      const { file } = await get(`${base}/${path}`, { algo: "sha256", digest, size, maxBytes: MAX_INDEX });
      return decompressedText(file, `${base}/${path}`);
    };
    const index = indices.get(`${base}/${path}`) ?? fetchIndex();
    indices.set(`${base}/${path}`, index);
    return index;
  };
}

async function signedRelease(
  suite: string,
  url: string,
  get: Get,
  { path, onUnverified }: IndicesHost,
): Promise<ReadonlyMap<string, PoolFile>> {
  const { file } = await get(url, anything("sha256", MAX_INDEX));
  const signature = await releaseSignature(file, path);
  if (signature._tag === "Bad") return unpinnable(url, `its signature is not Debian's: ${signature.reason}`);
  if (signature._tag === "Unverifiable") onUnverified(suite);
  return parseRelease(readFileSync(file, "utf8"));
}

async function decompressedText(file: string, name: string): Promise<string> {
  const fd = openSync(file, "r");
  const range = wholeFile(fd);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const refuse = (_: unknown, reason: string): never => unpinnable(name, reason);
  try {
    for await (const chunk of decompressed(range, compressionOf(range), refuse)) {
      size += chunk.length;
      if (size > MAX_INDEX) return unpinnable(name, `it has more than ${MAX_INDEX} bytes`);
      chunks.push(chunk);
    }
  } finally {
    closeSync(fd);
  }
  return Buffer.concat(chunks).toString("utf8");
}
