/** What a recipe of a Debian package comes to, without building it. */
import { type DeriveHost, type FetchRequest, nativePlatform, type Platform, RecipeError } from "@cab/core";
import { expect, test } from "vitest";
import { fromDebian } from "./from-debian.ts";

const native = nativePlatform("x86_64-linux");

const host = (platform: Platform, asked: FetchRequest[] = []): DeriveHost => ({
  platform,
  pin: (request) => {
    asked.push(request);
    const url = "mirror://debian/pool/main/r/redis/redis-server_7.0.15-1~deb12u7_amd64.deb";
    return { _tag: "File", url, size: 1, algo: "sha256", digest: "0".repeat(64) };
  },
  local: () => ({ mode: "tree", digest: "0".repeat(64) }),
  resolve: (of) => of,
  policyOptions: () => ({}),
  onOptions: () => {},
});

test("the version is that of the first package's pin, in the letters of a store path", () => {
  const asked: FetchRequest[] = [];
  const { name, env } = fromDebian({ name: "redis", packages: ["redis-server", "redis-tools"] }).derive(
    host(native, asked),
  );
  expect({ name, version: env.version }).toEqual({ name: "redis-7.0.15-1-deb12u7", version: "7.0.15-1-deb12u7" });
  expect(asked).toEqual([{ _tag: "DebianBinary", suite: "bookworm", arch: "amd64", package: "redis-server" }]);
});

test("what is allowed and left out is hashed, the reasons are not", () => {
  const { env } = fromDebian({
    name: "redis",
    hostPaths: { "/etc/passwd": "an example", "/var/run": "a default" },
    leaveOut: { "etc/redis": "for Debian hosts" },
  }).derive(host(native));
  expect({ hostPaths: env.hostPaths, leaveOut: env.leaveOut }).toEqual({
    hostPaths: ["/etc/passwd", "/var/run"],
    leaveOut: ["etc/redis"],
  });
});

test.each([
  ["hostPaths", "etc/passwd", "an example"],
  ["hostPaths", "/etc/a b", "an example"],
  ["hostPaths", "/etc/passwd", ""],
  ["leaveOut", "/etc/redis", "for Debian hosts"],
])("%s with %j for the reason %j is refused", (field, path, reason) => {
  const wrong = fromDebian({ name: "redis", [field]: { [path]: reason } });
  const failure = expect.objectContaining({
    reason: `redis has a bad path or no reason in ${field}: ${JSON.stringify(path)}`,
  });
  expect(() => wrong.derive(host(native))).toThrow(expect.objectContaining({ name: RecipeError.name, failure }));
});

test.each<[string, Partial<Platform>]>([
  ["x86_64-linux+musl", { libc: "musl" }],
  ["x86_64-linux+static", { link: "static" }],
])("there are no binaries for %s", (platform, changed) => {
  const supported = ["x86_64-linux", "x86_64-linux+source"];
  expect(() => fromDebian({ name: "redis" }).derive(host({ ...native, ...changed }))).toThrow(
    expect.objectContaining({ failure: { _tag: "UnsupportedPlatform", platform, supported } }),
  );
});
