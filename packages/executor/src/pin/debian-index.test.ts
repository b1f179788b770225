import { expect, test } from "vitest";
import { findBinaries, findSources, parseRelease } from "./debian-index.ts";

const digest = (c: string): string => c.repeat(64);

test("a release lists its indices under SHA256 and nowhere else", () => {
  const text = `Suite: oldstable\nMD5Sum:\n ${"a".repeat(32)} 5 main/x\nSHA256:\n ${digest("a")} 12 main/source/Sources.xz\n ${digest("b")}   7 main/y\nOther: z\n`;
  expect([...parseRelease(text)]).toEqual([
    ["main/source/Sources.xz", { path: "main/source/Sources.xz", size: 12, sha256: digest("a") }],
    ["main/y", { path: "main/y", size: 7, sha256: digest("b") }],
  ]);
});

test("only the wanted binary packages are read, wherever Package stands in the stanza", () => {
  const stanza = (name: string, c: string): string =>
    `Package: ${name}\nVersion: 1\nFilename: pool/main/${name}.deb\nSize: 3\nSHA256: ${digest(c)}\n`;
  const index = `${stanza("bash", "a")}\nArchitecture: amd64\n${stanza("zsh", "b")}\n${stanza("bash-doc", "c")}`;
  expect([...findBinaries(index, new Set(["zsh", "bash", "absent"]))]).toEqual([
    ["bash", { path: "pool/main/bash.deb", size: 3, sha256: digest("a") }],
    ["zsh", { path: "pool/main/zsh.deb", size: 3, sha256: digest("b") }],
  ]);
});

test("a source package's files lie in its directory", () => {
  const index = `Package: zlib\nDirectory: pool/main/z/zlib\nFiles:\n ${"d".repeat(32)} 1 zlib.dsc\nChecksums-Sha256:\n ${digest("e")} 9 zlib.orig.tar.gz\n\nPackage: other\n`;
  expect([...findSources(index, new Set(["zlib"]))]).toEqual([
    ["zlib/zlib.orig.tar.gz", { path: "pool/main/z/zlib/zlib.orig.tar.gz", size: 9, sha256: digest("e") }],
  ]);
});
