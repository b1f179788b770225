/**
 * Pins fetches: finds out which bytes a recipe's fetch means today. What `cab lock` writes down, and the one place where
 * a digest is taken from the network instead of being compared with it.
 *
 * Debian's files come from its index, whose digests the suite's release file promises; that file's signature is checked
 * where the host can. Other files are downloaded and hashed.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildFailure, type FetchRequest, fetchKey, type Pin } from "@cab/core";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { wholeFile } from "../archives/byte-range.ts";
import { compressionOf, decompressed } from "../archives/decompress.ts";
import { attempt, fail } from "../failure.ts";
import type { Wanted } from "../fetch/download.ts";
import { type Fetched, fetchFrom } from "../fetch/fetch-from.ts";
import type { Network } from "../fetch/network.ts";
import { type Mirrors, placesOf } from "../fetch/places.ts";
import { findBinaries, findSources, type PoolFile, parseRelease } from "./debian-index.ts";
import { releaseSignature } from "./release-signature.ts";

export interface PinHost extends Mirrors {
  readonly network: Network;
  readonly signal: AbortSignal;
  /** Told when Debian's signature could not be checked on this host. */
  readonly onUnverified: (suite: string) => void;
}

/** Upper bound of an index or of a registry's answer, decompressed: ten times today's. */
const MAX_INDEX = 512 * 2 ** 20;

/** A pin for each request, by `fetchKey`; fails as a whole, naming the first that cannot be had. */
export const pinFetches = (
  requests: readonly FetchRequest[],
  host: PinHost,
): TaskEither<BuildFailure, ReadonlyMap<string, Pin>> =>
  attempt("pin", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cab-lock-"));
    const get = (url: string, wanted: Wanted): Promise<Fetched & { file: string }> =>
      getFile(url, wanted, folder, host);
    try {
      const pins = new Map<string, Pin>();
      for (const [suite, wanted] of groupBySuite(requests))
        await pinDebian({ suite, requests: wanted, get, host }, pins);
      for (const request of requests) {
        if (request._tag === "Url") pins.set(fetchKey(request), await pinUrl(request.url, "sha256", get));
        if (request._tag === "Npm") pins.set(fetchKey(request), await pinNpm(request, get));
      }
      return pins;
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

type Get = (url: string, wanted: Wanted) => Promise<Fetched & { readonly file: string }>;

async function getFile(
  url: string,
  wanted: Wanted,
  folder: string,
  host: PinHost,
): Promise<Fetched & { file: string }> {
  const file = join(folder, "file");
  const { network, signal } = host;
  return {
    file,
    ...(await fetchFrom(await placesOf([url], host), wanted, { file, network, signal, onBytes: () => {} })),
  };
}

const anything = (algo: Wanted["algo"], maxBytes: number): Wanted => ({
  algo,
  digest: undefined,
  size: undefined,
  maxBytes,
});

async function pinUrl(url: string, algo: Wanted["algo"], get: Get): Promise<Pin> {
  const { digest, size } = await get(url, anything(algo, 8 * 2 ** 30));
  return { url, size, algo, digest };
}

type DebianRequest = Extract<FetchRequest, { readonly suite: string }>;

function groupBySuite(requests: readonly FetchRequest[]): Map<string, DebianRequest[]> {
  const suites = new Map<string, DebianRequest[]>();
  for (const request of requests) {
    if (request._tag !== "DebianBinary" && request._tag !== "DebianSource") continue;
    suites.set(request.suite, [...(suites.get(request.suite) ?? []), request]);
  }
  return suites;
}

interface DebianPinning {
  readonly suite: string;
  readonly requests: readonly DebianRequest[];
  readonly get: Get;
  readonly host: PinHost;
}

async function pinDebian({ suite, requests, get, host }: DebianPinning, pins: Map<string, Pin>): Promise<void> {
  const base = `mirror://debian/dists/${suite}`;
  const release = await signedRelease(suite, `${base}/InRelease`, get, host);
  const index = async (path: string): Promise<string> => {
    const promised = release.get(path);
    if (promised === undefined) return unpinnable(`${base}/InRelease`, `it lists no ${path}`);
    const { sha256: digest, size } = promised;
    const { file } = await get(`${base}/${path}`, { algo: "sha256", digest, size, maxBytes: MAX_INDEX });
    return decompressedText(file, `${base}/${path}`);
  };
  const add = (request: DebianRequest, found: PoolFile | undefined, where: string): void => {
    if (found === undefined) unpinnable(where, `it has no ${fetchKey(request)}`);
    else
      pins.set(fetchKey(request), {
        url: `mirror://debian/${found.path}`,
        size: found.size,
        algo: "sha256",
        digest: found.sha256,
      });
  };
  const binaries = requests.filter((request) => request._tag === "DebianBinary");
  for (const arch of new Set(binaries.map((request) => request.arch))) {
    const path = `main/binary-${arch}/Packages.xz`;
    const wanted = binaries.filter((request) => request.arch === arch);
    const found = findBinaries(await index(path), new Set(wanted.map((request) => request.package)));
    for (const request of wanted) add(request, found.get(request.package), path);
  }
  const sources = requests.filter((request) => request._tag === "DebianSource");
  if (sources.length === 0) return;
  const path = "main/source/Sources.xz";
  const found = findSources(await index(path), new Set(sources.map((request) => request.package)));
  for (const request of sources) add(request, found.get(`${request.package}/${request.file}`), path);
}

async function signedRelease(
  suite: string,
  url: string,
  get: Get,
  host: PinHost,
): Promise<ReadonlyMap<string, PoolFile>> {
  const { file } = await get(url, anything("sha256", MAX_INDEX));
  const signature = await releaseSignature(file, host.npm.env.PATH);
  if (signature._tag === "Bad") return unpinnable(url, `its signature is not Debian's: ${signature.reason}`);
  if (signature._tag === "Unverifiable") host.onUnverified(suite);
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

async function pinNpm(request: Extract<FetchRequest, { readonly _tag: "Npm" }>, get: Get): Promise<Pin> {
  const { package: name, version } = request;
  const url = `mirror://npm/${name}/${version}`;
  const { file } = await get(url, anything("sha256", MAX_INDEX));
  const promised = npmDigest(readFileSync(file, "utf8"));
  const pin = await pinUrl(`mirror://npm/${name}/-/${name.split("/").at(-1)}-${version}.tgz`, "sha512", get);
  if (promised === undefined) return unpinnable(url, "it promises no sha512");
  return promised === pin.digest
    ? pin
    : unpinnable(url, `it promises the sha512 ${promised}, the file has ${pin.digest}`);
}

/** The `dist.integrity` of one version's metadata, as hexadecimal. */
function npmDigest(text: string): string | undefined {
  const match = /"integrity":\s*"sha512-([A-Za-z0-9+/=]+)"/.exec(text);
  return match?.[1] === undefined ? undefined : Buffer.from(match[1], "base64").toString("hex");
}

const unpinnable = (url: string, reason: string): never => fail({ _tag: "FetchFailed", attempts: [{ url, reason }] });
