import { describe, expect, test } from "vitest";
import type { Derivation, DrvHash } from "../derivation.ts";
import { nativePlatform } from "../platform.ts";
import { instantiated } from "../testing/instantiated.ts";
import { RecipeError } from "./failure.ts";
import type { InstantiateHost } from "./instantiate.ts";
import type { AnyPackage } from "./package.ts";
import {
  debianBinary,
  debianSource,
  fetchKey,
  fetchUrl,
  type GitSource,
  gitSource,
  type LocalRequest,
  local,
  npmPackage,
} from "./source.ts";

const host: InstantiateHost = {
  platform: nativePlatform("x86_64-linux"),
  pin: () => ({ _tag: "File", url: "https://example.org/x", size: 1, algo: "sha256", digest: "a".repeat(64) }),
  local: () => ({ mode: "flat", digest: "b".repeat(64) }),
};

const derivationOf = (of: AnyPackage, by: Partial<InstantiateHost>): Derivation => {
  const { roots, derivations } = instantiated([of], { ...host, ...by });
  return derivations.get(roots[0] as DrvHash) as Derivation;
};

describe("a fetch", () => {
  test("is a fixed output: what the lock file promises", () => {
    const source = debianSource({ package: "zlib", file: "zlib_1.3.orig.tar.gz" });
    const pin = {
      _tag: "File",
      url: "mirror://debian/pool/z",
      size: 7,
      algo: "sha512",
      digest: "c".repeat(128),
    } as const;
    expect(derivationOf(source, { pin: () => pin })).toEqual({
      name: "zlib_1.3.orig.tar.gz",
      system: "x86_64-linux",
      builder: "builtin:fetch@1",
      args: [],
      env: expect.objectContaining({ urls: '["mirror://debian/pool/z"]', size: "7" }),
      rootfs: null,
      sandbox: "cab-sandbox@1",
      inputDrvs: {},
      inputSrcs: [],
      outputs: { out: { _tag: "FixedOutput", algo: "sha512", digest: "c".repeat(128), mode: "flat" } },
    });
  });

  test.each<[AnyPackage, string, string]>([
    [
      debianSource({ package: "zlib", file: "zlib.tar.gz", suite: "trixie" }),
      "debian:trixie/source/zlib/zlib.tar.gz",
      "zlib.tar.gz",
    ],
    [debianBinary({ package: "g++", arch: "amd64" }), "debian:bookworm/amd64/g++", "g++_amd64.deb"],
    [npmPackage({ package: "@types/node", version: "24.0.0" }), "npm:@types/node@24.0.0", "types-node-24.0.0.tgz"],
    [fetchUrl("https://example.org/b.tar.gz?x=1"), "https://example.org/b.tar.gz?x=1", "b.tar.gz?x=1"],
    [fetchUrl("https://example.org/"), "https://example.org/", "source"],
  ])("%# is found in the lock file by its key", (source, key, name) => {
    const keys: string[] = [];
    const pin: InstantiateHost["pin"] = (request) => {
      keys.push(fetchKey(request));
      return host.pin(request);
    };
    expect(derivationOf(source, { pin }).name).toBe(name);
    expect(keys).toEqual([key]);
  });
});

describe("a git repository", () => {
  const pinned: InstantiateHost["pin"] = () => ({ _tag: "Git", commit: "1".repeat(40), digest: "2".repeat(64) });

  test("is a fixed tree: the commit that the lock file promises, under the repository's name", () => {
    const source = gitSource({ url: "https://example.org/a/zlib.git", ref: "v1.3" });
    expect(derivationOf(source, { pin: pinned })).toMatchObject({
      name: "zlib",
      builder: "builtin:git@1",
      env: { url: "https://example.org/a/zlib.git", commit: "1".repeat(40) },
      outputs: { out: { _tag: "FixedOutput", algo: "sha256", digest: "2".repeat(64), mode: "tree" } },
    });
  });

  test.each<[GitSource, string, string]>([
    [{ url: "https://example.org/x.git", ref: "v1.0" }, "git:https://example.org/x.git#v1.0", "x"],
    [{ url: "https://example.org:8443/x/" }, "git:https://example.org:8443/x/#HEAD", "x"],
    [{ url: "http://[::1]/x", ref: "refs/heads/a/b" }, "git:http://[::1]/x#refs/heads/a/b", "x"],
    [{ url: "ssh://git@example.org:22/~me/x.git" }, "git:ssh://git@example.org:22/~me/x.git#HEAD", "x"],
    [{ url: "git@example.org:a/x.git", ref: "main" }, "git:git@example.org:a/x.git#main", "x"],
    [{ url: "git@example.org:x" }, "git:git@example.org:x#HEAD", "x"],
    [{ url: "git://example.org/x+y" }, "git:git://example.org/x+y#HEAD", "x+y"],
    [{ url: "file:///srv/@x/y.git", commit: "a".repeat(64) }, `git:file:///srv/@x/y.git#${"a".repeat(64)}`, "y"],
  ])("%j is found in the lock file by its key", (source, key, name) => {
    const keys: string[] = [];
    const pin: InstantiateHost["pin"] = (request) => {
      keys.push(fetchKey(request));
      return pinned(request);
    };
    expect(derivationOf(gitSource(source), { pin }).name).toBe(name);
    expect(keys).toEqual([key]);
  });

  test.each([
    "https://me:s3cret@example.org/x",
    "https://s3cret@example.org/x",
    "http://me:s3cret@example.org:80/x",
    "https://me:s3/cret@example.org/x",
    "https://me:s3@cret@example.org/x",
    "git://s3cret@example.org/x",
    "ssh://git:s3cret@example.org/x",
    "git:s3cret@example.org:x",
    "https://example.org/x?token=s3cret",
    "https://example.org/x#s3cret",
  ])("%s is refused without repeating what may be secret", (url) => {
    const failure = failureOf(() => gitSource({ url }));
    expect(failure).toMatchObject({ _tag: "BadRecipe" });
    expect(JSON.stringify(failure)).not.toMatch(/s3|cret/);
  });

  test.each<GitSource>([
    { url: "ext::sh -c x" },
    { url: "--upload-pack=x" },
    { url: "ssh://-oProxyCommand=x/y" },
    { url: "-x@example.org:y" },
    { url: "git@-x:y" },
    { url: "/srv/x.git" },
    { url: "file://host/x" },
    { url: "https://example.org" },
    { url: "https://example.org/x y" },
    { url: "https://example.org/ä" },
    ...["", "-x", "a..b", "a b", "a:b", "a^", "a~1", "a*", "@", "a@{1}", "/a", "a/", "a//b", "x.lock", "ä"].map(
      (ref) => ({
        url: "https://example.org/x",
        ref,
      }),
    ),
    { url: "https://example.org/x", ref: "a".repeat(40) },
    { url: "https://example.org/x", commit: "abc1234" },
    { url: "https://example.org/x", commit: "A".repeat(40) },
  ])("%j is refused", (source) => {
    expect(failureOf(() => gitSource(source))).toMatchObject({ _tag: "BadRecipe", remedy: expect.any(String) });
  });
});

function failureOf(step: () => unknown): unknown {
  try {
    return step();
  } catch (error) {
    return error instanceof RecipeError ? error.failure : error;
  }
}

describe("a local file", () => {
  const meta = { url: "cab:///my%2Fworkspace/servers/openldap.ts" };

  test.each([
    ["./slapd.conf", "servers/slapd.conf", "slapd.conf"],
    ["slapd.conf", "servers/slapd.conf", "slapd.conf"],
    ["../lib/x.sh", "lib/x.sh", "x.sh"],
    ["../servers/./a//b", "servers/a/b", "b"],
    ["./.hidden", "servers/.hidden", "hidden"],
    ["./naïve file", "servers/naïve file", "na-ve-file"],
    [".", "servers", "servers"],
  ])("%j is %s", (relative, file, name) => {
    const asked: LocalRequest[] = [];
    const by: InstantiateHost["local"] = (request) => {
      asked.push(request);
      return { mode: "tree", digest: "d".repeat(64) };
    };
    expect(derivationOf(local(meta, relative), { local: by })).toMatchObject({
      name,
      builder: "builtin:local@1",
      env: { workspace: "my/workspace", file },
      outputs: { out: { _tag: "FixedOutput", algo: "sha256", digest: "d".repeat(64), mode: "tree" } },
    });
    expect(asked).toEqual([{ workspace: "my/workspace", file }]);
  });

  test.each(["/etc/passwd", "../../x", "../..", "..", "a/../../../x"])("%j is outside of the workspace", (relative) => {
    const attempt = (): AnyPackage => local(meta, relative);
    expect(attempt).toThrow(RecipeError);
    expect(attempt).toThrow(
      expect.objectContaining({
        failure: {
          _tag: "BadRecipe",
          reason: `local(import.meta, ${JSON.stringify(relative)}) does not name a file in the workspace`,
          remedy: "give a path relative to the recipe, inside the workspace",
        },
      }),
    );
  });
});
