/** Which platforms there are toolchains for. */
import { nativePlatform, type Platform, RecipeError } from "@cab/core";
import { expect, test } from "vitest";
import { toolchainFor } from "./toolchain.ts";

const native = nativePlatform("x86_64-linux");

test("each libc has a compiler of its own, the same for all who ask", () => {
  const [distribution, source] = [toolchainFor(native), toolchainFor({ ...native, libc: "source" })];
  expect([distribution.libc.name, source.libc.name]).toEqual(["libc", "glibc"]);
  expect(distribution.cc).not.toBe(source.cc);
  expect(toolchainFor({ ...native })).toBe(distribution);
});

test.each<[string, Partial<Platform>]>([
  ["x86_64-linux+musl", { libc: "musl" }],
  ["x86_64-linux+source+static", { libc: "source", link: "static" }],
  ["x86_64-linux>aarch64-linux", { host: "aarch64-linux" }],
  ["aarch64-linux", { build: "aarch64-linux", host: "aarch64-linux" }],
])("there is none for %s, and the failure says what there is", (name, changed) => {
  const failure = { _tag: "UnsupportedPlatform", platform: name, supported: ["x86_64-linux", "x86_64-linux+source"] };
  expect(() => toolchainFor({ ...native, ...changed })).toThrow(
    expect.objectContaining({ name: RecipeError.name, failure }),
  );
});
