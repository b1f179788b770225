import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_PATIENCE, network } from "../fetch/network.ts";
import { gitHost } from "../git/command.ts";
import { type TestArchive, testArchive } from "../testing/archive.ts";
import type { VersionQuery } from "./newer.ts";
import { openPinning, type PinHost, type Pinning } from "./pin.ts";

const folder = mkdtempSync(`${tmpdir()}/cab-pin-`);
const net = network({});
const unverified: string[] = [];
let archive: TestArchive;
let host: PinHost;
let pinning: Pinning;

beforeAll(async () => {
  archive = await testArchive();
  host = {
    network: net,
    git: gitHost({}, DEFAULT_PATIENCE),
    signal: new AbortController().signal,
    debianMirrors: [archive.url],
    aptDir: `${folder}/none`,
    // A PATH without gpgv.
    npm: { registry: archive.url, env: { PATH: folder }, npmrc: [] },
    onUnverified: (suite) => unverified.push(suite),
  };
  pinning = openPinning(host);
  archive.suite("bookworm", {
    zlib: ["zlib_1.2.13.dfsg.orig.tar.bz2", "zlib_1.2.13.dfsg-1.debian.tar.xz", "zlib_1.2.13.dfsg-1.dsc"],
    sqlite3: ["sqlite3_3.40.1.orig.tar.xz", "sqlite3_3.40.1.orig-www.tar.xz", "sqlite3_3.40.2.orig.tar.xz"],
  });
  archive.suite("trixie", {
    zlib: ["zlib_1.3.dfsg+really1.3.1.orig.tar.gz"],
    sqlite3: ["sqlite3_3.46.1.orig.tar.xz", "sqlite3_3.40.2.orig.tar.xz"],
  });
  archive.npm("left-pad", {
    "1.3.0": {},
    "1.9.0": {},
    "1.10.0": {},
    "1.11.0": { deprecated: "no" },
    "2.0.0-rc.1": {},
    "2.0.0-rc.10": {},
    nonsense: {},
  });
  archive.npm("@scope/pre", { "1.0.0-beta.2": {}, "1.0.0-beta.11": {} });
  archive.put("/broken", "not JSON");
});
afterAll(async () => {
  pinning.close();
  await net.close();
  archive.close();
  rmSync(folder, { recursive: true });
});

const hash = (text: string, algo: string): string => createHash(algo).update(text).digest("hex");

test("fetches are pinned from the index, the registry and the URL itself; an index is fetched once", async () => {
  archive.asked.length = 0;
  const source = (name: string, file: string) =>
    ({ _tag: "DebianSource", suite: "bookworm", package: name, file }) as const;
  archive.put("/x", "x");
  const pinned = await pinning.pin([
    source("zlib", "zlib_1.2.13.dfsg.orig.tar.bz2"),
    source("sqlite3", "sqlite3_3.40.1.orig.tar.xz"),
    { _tag: "Npm", package: "left-pad", version: "1.3.0" },
    { _tag: "Url", url: `${archive.url}/x` },
  ])();
  const file = (url: string, content: string, algo: "sha256" | "sha512" = "sha256") =>
    ({ _tag: "File", url, size: content.length, algo, digest: hash(content, algo) }) as const;
  const [zlib, sqlite] = ["zlib_1.2.13.dfsg.orig.tar.bz2", "sqlite3_3.40.1.orig.tar.xz"];
  expect(pinned._tag === "Right" && Object.fromEntries(pinned.right)).toEqual({
    [`debian:bookworm/source/zlib/${zlib}`]: file(`mirror://debian/pool/zlib/${zlib}`, zlib),
    [`debian:bookworm/source/sqlite3/${sqlite}`]: file(`mirror://debian/pool/sqlite3/${sqlite}`, sqlite),
    "npm:left-pad@1.3.0": file("mirror://npm/left-pad/-/left-pad-1.3.0.tgz", "left-pad-1.3.0", "sha512"),
    [`${archive.url}/x`]: file(`${archive.url}/x`, "x"),
  });
  expect(archive.asked.filter((path) => path.startsWith("/dists/"))).toEqual([
    "/dists/bookworm/InRelease",
    "/dists/bookworm/main/source/Sources.xz",
  ]);
  expect(unverified).toEqual(["bookworm"]);
});

test("what the index lacks is named", async () => {
  const request = { _tag: "DebianSource", suite: "bookworm", package: "zlib", file: "zlib_9.tar" } as const;
  expect(await pinning.pin([request])()).toMatchObject({
    left: { _tag: "FetchFailed", attempts: [{ reason: "it has no debian:bookworm/source/zlib/zlib_9.tar" }] },
  });
});

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

test.skipIf(!existsSync("/usr/bin/gpgv") || !existsSync(keyring))(
  "an index that Debian has not signed is refused (needs gpgv and Debian's keys)",
  async () => {
    const strict = openPinning({ ...host, npm: { ...host.npm, env: { PATH: "/usr/bin" } } });
    const request = { _tag: "DebianSource", suite: "bookworm", package: "zlib", file: "x" } as const;
    expect(await strict.pin([request])()).toMatchObject({
      left: { _tag: "FetchFailed", attempts: [{ reason: expect.stringContaining("its signature is not Debian's") }] },
    });
    strict.close();
  },
);

describe("the newest version", () => {
  const newer = async (query: VersionQuery): Promise<unknown> => {
    const found = await pinning.newer(query)();
    return found._tag === "Right" ? found.right : found.left;
  };
  const sqlite = (current: string, ...suites: string[]) => ({
    _tag: "DebianSource" as const,
    package: "sqlite3",
    suites,
    before: "sqlite3_",
    after: ".orig.tar.xz",
    current,
  });
  const npm = (name: string, current: string): VersionQuery => ({ _tag: "Npm", package: name, current });

  test("of a source package is the greatest among the suites, of two equal ones the first suite's", async () => {
    expect(await newer(sqlite("3.40.1", "bookworm"))).toEqual({ _tag: "Newer", version: "3.40.2", suite: "bookworm" });
    expect(await newer(sqlite("3.40.1", "bookworm", "trixie"))).toEqual({
      _tag: "Newer",
      version: "3.46.1",
      suite: "trixie",
    });
    expect(await newer(sqlite("3.46.1", "bookworm", "trixie"))).toEqual({ _tag: "Newest", otherFiles: [] });
    expect(await newer(sqlite("9", "bookworm"))).toEqual({ _tag: "Newest", otherFiles: [] });
  });

  test("counts no file of another pattern, and says which ones there are", async () => {
    const query = { ...sqlite("1.2.13", "bookworm", "trixie"), package: "zlib", before: "zlib_" };
    expect(await newer({ ...query, after: ".dfsg.orig.tar.bz2" })).toEqual({
      _tag: "Newest",
      otherFiles: ["zlib_1.3.dfsg+really1.3.1.orig.tar.gz"],
    });
  });

  test("on npm follows semver, and leaves out prereleases and what was withdrawn", async () => {
    expect(await newer(npm("left-pad", "1.3.0"))).toEqual({ _tag: "Newer", version: "1.10.0", suite: null });
    expect(await newer(npm("left-pad", "1.10.0"))).toEqual({ _tag: "Newest", otherFiles: [] });
    expect(await newer(npm("left-pad", "2.0.0-rc.1"))).toEqual({ _tag: "Newer", version: "2.0.0-rc.10", suite: null });
    expect(await newer(npm("@scope/pre", "1.0.0-beta.2"))).toMatchObject({ version: "1.0.0-beta.11" });
  });

  test("is told to be unknown where the registry answers nonsense or nothing", async () => {
    expect(await newer(npm("broken", "1.0.0"))).toMatchObject({
      _tag: "FetchFailed",
      attempts: [{ reason: expect.stringContaining("no list of versions") }],
    });
    expect(await newer(npm("left-pad", "1.3"))).toMatchObject({
      attempts: [{ reason: expect.stringContaining("1.3 is no version") }],
    });
    expect(await newer(npm("absent", "1.0.0"))).toMatchObject({ attempts: [{ reason: "HTTP status 404" }] });
  });
});
