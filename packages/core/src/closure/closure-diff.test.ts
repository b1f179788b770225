import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ObjectInfo } from "../object.ts";
import { type StorePath, storePath } from "../store-path.ts";
import { diffClosures, type ObjectChange } from "./closure-diff.ts";
import { packageName } from "./package-name.ts";

/** An object of this name; `build` tells two of one name apart. */
function objectOf(name: string, build = 0): ObjectInfo {
  const digest = "0".repeat(64);
  const path: StorePath = storePath(`${name} ${build}`, name);
  return { path, kind: "dir", digest, namingDigest: digest, selfDigest: null, size: 1, references: [], deriver: null };
}

describe("a name's parts", () => {
  test.each([
    ["openldap-2.5.13", "openldap", "2.5.13", "out"],
    ["openldap-2.5.13-dev", "openldap", "2.5.13", "dev"],
    ["ldap-server", "ldap-server", "", "out"],
    ["ldap-server-doc", "ldap-server", "", "doc"],
    ["libstdc++-12-dev_amd64.deb", "libstdc++", "12-dev_amd64.deb", "out"],
    ["python3-3.11.2-debug", "python3", "3.11.2", "debug"],
    ["x-1.0-rc2", "x", "1.0-rc2", "out"],
    ["redis_7.0.15.orig.tar.gz", "redis_7.0.15.orig.tar.gz", "", "out"],
  ])("%s", (text, name, version, output) => {
    expect(packageName(storePath("x", text))).toEqual({ name, version, output });
  });
});

const summary = ({ package: { name, output }, before, after }: ObjectChange): unknown[] => [
  `${name}.${output}`,
  before === null ? null : packageName(before.path).version,
  after === null ? null : packageName(after.path).version,
];

describe("two closures", () => {
  test("added, removed, of another version, and built again", () => {
    const same = objectOf("libc-2.36");
    const before = [
      same,
      objectOf("openssl-3.0.1"),
      objectOf("openssl-3.0.1-dev"),
      objectOf("sasl-2"),
      objectOf("role"),
    ];
    const after = [
      same,
      objectOf("openssl-3.0.2"),
      objectOf("zlib-1"),
      objectOf("openssl-3.0.1-dev"),
      objectOf("role", 1),
    ];
    expect(diffClosures(before, after).map(summary)).toEqual([
      ["openssl.out", "3.0.1", "3.0.2"],
      ["role.out", "", ""],
      ["sasl.out", "2", null],
      ["zlib.out", null, "1"],
    ]);
  });

  test("several of one package: equal versions belong together", () => {
    const before = [objectOf("a-1"), objectOf("a-2"), objectOf("a-3")];
    const after = [objectOf("a-2", 1), objectOf("a-9")];
    const changes = diffClosures(before, after).map(summary);
    expect(changes).toHaveLength(3);
    expect(changes).toContainEqual(["a.out", "2", "2"]);
  });

  test("every object of one that is not in the other is in one change, and no other is", () => {
    const closure = fc.uniqueArray(
      fc.record({ name: fc.constantFrom("a-1", "a-2", "a-1-dev", "b-1", "c"), build: fc.nat({ max: 3 }) }),
      { selector: ({ name, build }) => `${name} ${build}`, maxLength: 12 },
    );
    fc.assert(
      fc.property(closure, closure, (one, other) => {
        const before = one.map(({ name, build }) => objectOf(name, build));
        const after = other.map(({ name, build }) => objectOf(name, build));
        const changes = diffClosures(before, after);
        const pathsOf = (infos: readonly (ObjectInfo | null)[]): string[] =>
          infos.flatMap((info) => (info === null ? [] : [info.path])).sort();
        const only = (infos: readonly ObjectInfo[], not: readonly ObjectInfo[]): string[] =>
          infos.flatMap(({ path }) => (not.some((info) => info.path === path) ? [] : [path])).sort();
        expect(pathsOf(changes.map((change) => change.before))).toEqual(only(before, after));
        expect(pathsOf(changes.map((change) => change.after))).toEqual(only(after, before));
        const backwards = diffClosures(after, before);
        expect(backwards).toHaveLength(changes.length);
      }),
    );
  });
});
