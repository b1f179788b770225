/**
 * Pins fetches: finds out which bytes a recipe's fetch means today. What `cab lock` writes down, and the one place where
 * a digest is taken from the network instead of being compared with it.
 *
 * Debian's files come from its signed index, a tag or branch from its repository. Other files are downloaded and hashed.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildFailure, type FetchRequest, type FilePin, fetchKey, isCommit, type Pin } from "@cab/core";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { DEFAULT_UNPACK_LIMITS } from "../archives/budget.ts";
import { attempt } from "../failure.ts";
import type { Wanted } from "../fetch/download.ts";
import type { GitHost } from "../git/command.ts";
import { fetchTree } from "../git/fetch-tree.ts";
import { resolveReference } from "../git/remote.ts";
import { type ArchiveIndices, archiveIndices, SOURCES } from "./archive-indices.ts";
import { findBinaries, findSources, type PoolFile } from "./debian-index.ts";
import { anything, type Get, type GetHost, getInto, MAX_INDEX, unpinnable } from "./get.ts";
import { findNewer, type Newer, type VersionQuery } from "./newer.ts";

export interface PinHost extends GetHost {
  readonly git: GitHost;
  /** Told when Debian's signature could not be checked on this host. */
  readonly onUnverified: (suite: string) => void;
}

/** Looks things up where recipes fetch from, one after the other; an index is fetched once. */
export interface Pinning {
  /** A pin for each request, by `fetchKey`; fails as a whole, naming the first that cannot be had. */
  readonly pin: (requests: readonly FetchRequest[]) => TaskEither<BuildFailure, ReadonlyMap<string, Pin>>;
  /** The newest version after the one that is fetched now. */
  readonly newer: (query: VersionQuery) => TaskEither<BuildFailure, Newer>;
  /** Removes what was downloaded. */
  readonly close: () => void;
}

export function openPinning(host: PinHost): Pinning {
  const folder = mkdtempSync(join(tmpdir(), "cab-lock-"));
  const get = getInto(folder, host);
  const { PATH } = host.npm.env;
  const indices = archiveIndices(get, { path: PATH, onUnverified: host.onUnverified });
  return {
    pin: (requests) => attempt("pin", () => pinAll(requests, { folder, get, indices, host })),
    newer: (query) => attempt("look for newer versions", () => findNewer(query, get, indices)),
    close: () => rmSync(folder, { recursive: true }),
  };
}

interface Surroundings {
  readonly folder: string;
  readonly get: Get;
  readonly indices: ArchiveIndices;
  readonly host: PinHost;
}

async function pinAll(requests: readonly FetchRequest[], around: Surroundings): Promise<ReadonlyMap<string, Pin>> {
  const pins = new Map<string, Pin>();
  await pinBinaries(requests, around.indices, pins);
  await pinSources(requests, around.indices, pins);
  for (const request of requests) {
    const key = fetchKey(request);
    if (request._tag === "Url") pins.set(key, await pinUrl(request.url, "sha256", around.get));
    if (request._tag === "Git") pins.set(key, await pinGit(request, around));
    if (request._tag === "Npm") pins.set(key, await pinNpm(request, around.get));
  }
  return pins;
}

async function pinUrl(url: string, algo: Wanted["algo"], get: Get): Promise<FilePin> {
  const { digest, size } = await get(url, anything(algo, 8 * 2 ** 30));
  return { _tag: "File", url, size, algo, digest };
}

async function pinGit(
  { url, revision }: Extract<FetchRequest, { readonly _tag: "Git" }>,
  { folder: parent, host: { git, signal } }: Surroundings,
): Promise<Pin> {
  const folder = mkdtempSync(join(parent, "git-"));
  const repository = { url, folder: join(folder, "repository"), host: git, signal, onBytes: () => {} };
  const commit = isCommit(revision) ? revision : await resolveReference(repository, revision);
  const out = join(folder, "out");
  const { digest } = await fetchTree(repository, commit, { out, limits: DEFAULT_UNPACK_LIMITS });
  rmSync(folder, { recursive: true });
  return { _tag: "Git", commit, digest };
}

/** What the requests of one index are, by what the index is of. */
function grouped<R extends FetchRequest>(requests: readonly R[], indexOf: (request: R) => string): Map<string, R[]> {
  const groups = new Map<string, R[]>();
  for (const request of requests) {
    const index = indexOf(request);
    groups.set(index, [...(groups.get(index) ?? []), request]);
  }
  return groups;
}

async function pinBinaries(requests: readonly FetchRequest[], indices: ArchiveIndices, pins: Map<string, Pin>) {
  const wanted = requests.filter((request) => request._tag === "DebianBinary");
  for (const group of grouped(wanted, ({ suite, arch }) => `${suite}/${arch}`).values()) {
    const { suite, arch } = group[0] as (typeof wanted)[number];
    const path = `main/binary-${arch}/Packages.xz`;
    const found = findBinaries(await indices(suite, path), new Set(group.map((request) => request.package)));
    for (const request of group) add(pins, request, found.get(request.package), path);
  }
}

async function pinSources(requests: readonly FetchRequest[], indices: ArchiveIndices, pins: Map<string, Pin>) {
  const wanted = requests.filter((request) => request._tag === "DebianSource");
  for (const [suite, group] of grouped(wanted, (request) => request.suite)) {
    const found = findSources(await indices(suite, SOURCES), new Set(group.map((request) => request.package)));
    for (const request of group) add(pins, request, found.get(`${request.package}/${request.file}`), SOURCES);
  }
}

function add(pins: Map<string, Pin>, request: FetchRequest, found: PoolFile | undefined, index: string): void {
  const { path, size, sha256 } = found ?? unpinnable(index, `it has no ${fetchKey(request)}`);
  pins.set(fetchKey(request), { _tag: "File", url: `mirror://debian/${path}`, size, algo: "sha256", digest: sha256 });
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
