import { describe, expect, test } from "vitest";
import type { Derivation, DrvHash } from "../derivation.ts";
import { nativePlatform } from "../platform.ts";
import { RecipeError } from "./failure.ts";
import { type InstantiateHost, instantiate } from "./instantiate.ts";
import type { AnyPackage } from "./package.ts";
import { debianBinary, debianSource, fetchKey, fetchUrl, type LocalRequest, local, npmPackage } from "./source.ts";

const host: InstantiateHost = {
  platform: nativePlatform("x86_64-linux"),
  pin: () => ({ url: "https://example.org/x", size: 1, algo: "sha256", digest: "a".repeat(64) }),
  local: () => ({ mode: "flat", digest: "b".repeat(64) }),
};

const derivationOf = (of: AnyPackage, by: Partial<InstantiateHost>): Derivation => {
  const { roots, derivations } = instantiate([of], { ...host, ...by });
  return derivations.get(roots[0] as DrvHash) as Derivation;
};

describe("a fetch", () => {
  test("is a fixed output: what the lock file promises", () => {
    const source = debianSource({ package: "zlib", file: "zlib_1.3.orig.tar.gz" });
    const pin = { url: "mirror://debian/pool/z", size: 7, algo: "sha512", digest: "c".repeat(128) } as const;
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
