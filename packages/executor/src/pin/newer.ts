/** Which version of an upstream came after the one that is fetched now. Knows indices; not recipes, nor what is done with it. */
import { readFileSync } from "node:fs";
import { type ArchiveIndices, SOURCES } from "./archive-indices.ts";
import { findSources } from "./debian-index.ts";
import { compareDebianVersions } from "./debian-version.ts";
import { anything, type Get, MAX_INDEX, unpinnable } from "./get.ts";

export type VersionQuery =
  | {
      readonly _tag: "DebianSource";
      readonly package: string;
      /** Where to look, in this order: of one version in two suites the first is told. */
      readonly suites: readonly string[];
      /** What stands in the file's name before and behind the version. */
      readonly before: string;
      readonly after: string;
      readonly current: string;
    }
  | { readonly _tag: "Npm"; readonly package: string; readonly current: string };

export type Newer =
  /** `suite` is null where there are none. */
  | { readonly _tag: "Newer"; readonly version: string; readonly suite: string | null }
  /** `otherFiles`: upstream files there whose names are of another pattern. */
  | { readonly _tag: "Newest"; readonly otherFiles: readonly string[] };

export const findNewer = (query: VersionQuery, get: Get, indices: ArchiveIndices): Promise<Newer> =>
  query._tag === "Npm" ? newerInRegistry(query, get) : newerInArchive(query, indices);

async function newerInArchive(
  { package: name, suites, before, after, current }: Extract<VersionQuery, { readonly _tag: "DebianSource" }>,
  indices: ArchiveIndices,
): Promise<Newer> {
  let newest: { readonly version: string; readonly suite: string | null } = { version: current, suite: null };
  const otherFiles: string[] = [];
  for (const suite of suites) {
    for (const path of findSources(await indices(suite, SOURCES), new Set([name])).keys()) {
      const file = path.slice(name.length + 1);
      const version = file.slice(before.length, file.length - after.length);
      if (!file.startsWith(before) || !file.endsWith(after) || !/^\d/.test(version)) {
        if (/\.orig\.tar\.\w+$/.test(file)) otherFiles.push(file);
      } else if (compareDebianVersions(version, newest.version) > 0) {
        newest = { version, suite };
      }
    }
  }
  return newest.suite === null ? { _tag: "Newest", otherFiles } : { _tag: "Newer", ...newest };
}

/** What its author has withdrawn does not count, nor what comes before a release, unless that is what is used now. */
async function newerInRegistry(
  { package: name, current }: Extract<VersionQuery, { readonly _tag: "Npm" }>,
  get: Get,
): Promise<Newer> {
  const { default: semver } = await import("semver");
  const url = `mirror://npm/${name}`;
  const { file } = await get(url, anything("sha256", MAX_INDEX));
  if (semver.valid(current) === null) return unpinnable(url, `${current} is no version as npm counts them`);
  const isPrerelease = (version: string): boolean => (semver.prerelease(version) ?? []).length > 0;
  let version = current;
  for (const [candidate, isWithdrawn] of versionsIn(readFileSync(file, "utf8"), url)) {
    if (semver.valid(candidate) === null || isWithdrawn || (isPrerelease(candidate) && !isPrerelease(current)))
      continue;
    if (semver.gt(candidate, version)) version = candidate;
  }
  return version === current ? { _tag: "Newest", otherFiles: [] } : { _tag: "Newer", version, suite: null };
}

/** Every version that the registry tells of, and whether it is deprecated. */
function versionsIn(text: string, url: string): (readonly [version: string, isWithdrawn: boolean])[] {
  try {
    const { versions } = JSON.parse(text) as { readonly versions?: Readonly<Record<string, object>> };
    return Object.entries(versions ?? {}).map(([version, of]) => [version, "deprecated" in of]);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    return unpinnable(url, `it is no list of versions: ${error.message}`);
  }
}
