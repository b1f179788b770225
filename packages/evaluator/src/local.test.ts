import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { encodeDirectory, type LocalSource, sha256Hex, utf8 } from "@cab/core";
import type { Either } from "fp-ts/lib/Either.js";
import { describe, expect, it } from "vitest";
import type { EvaluatorFailure } from "./failure.ts";
import { localReader } from "./local.ts";
import { readLog } from "./observe.ts";
import { temporaryFolder, writeFiles } from "./testing/fixture.ts";

function localsOf(files: Readonly<Record<string, string>>) {
  const root = temporaryFolder();
  writeFiles(root, files);
  const log = readLog(Date.now);
  const read = localReader([{ id: "user", root, recipes: join(root, "derivations") }], log);
  return {
    root,
    read: (file: string): Either<EvaluatorFailure, LocalSource> => read({ workspace: "user", file }),
    paths: () => log.reads().map(({ path }) => path.slice(root.length + 1)),
  };
}

const digestOf = (text: string) => ({ hash: sha256Hex(text), size: utf8(text).length });

describe("local sources", () => {
  it("of a file are the digest of its bytes", () => {
    const { read, paths } = localsOf({ "a/slapd.conf": "include x\n" });
    expect(read("a/slapd.conf")).toEqual({
      _tag: "Right",
      right: { mode: "flat", digest: sha256Hex("include x\n") },
    });
    expect(paths()).toEqual(["a/slapd.conf"]);
  });

  it("of a directory are the digest of its Directory message, with executables, links and empty folders", () => {
    const { root, read, paths } = localsOf({ "d/b.sh": "#!/bin/sh\n", "d/a.txt": "a", "d/sub/c": "" });
    chmodSync(join(root, "d/b.sh"), 0o755);
    mkdirSync(join(root, "d/empty"));
    symlinkSync("../a.txt", join(root, "d/sub/link"));
    const message = (directory: Parameters<typeof encodeDirectory>[0]) => {
      const bytes = encodeDirectory(directory);
      return { hash: sha256Hex(bytes), size: bytes.length };
    };
    const none = { files: [], directories: [], symlinks: [] };
    const sub = message({
      files: [{ name: utf8("c"), digest: digestOf(""), executable: false }],
      directories: [],
      symlinks: [{ name: utf8("link"), target: utf8("../a.txt") }],
    });
    const root_ = message({
      files: [
        { name: utf8("a.txt"), digest: digestOf("a"), executable: false },
        { name: utf8("b.sh"), digest: digestOf("#!/bin/sh\n"), executable: true },
      ],
      directories: [
        { name: utf8("empty"), digest: message(none) },
        { name: utf8("sub"), digest: sub },
      ],
      symlinks: [],
    });
    expect(read("d")).toEqual({ _tag: "Right", right: { mode: "tree", digest: root_.hash } });
    expect(paths().sort()).toEqual(["d", "d/a.txt", "d/b.sh", "d/empty", "d/sub", "d/sub/c", "d/sub/link"]);
  });

  it("that do not exist are refused with the nearest names", () => {
    expect(localsOf({ "a/slapd.conf": "" }).read("a/slapd.cnf")).toEqual({
      _tag: "Left",
      left: { _tag: "LocalMissing", file: "a/slapd.cnf", nearest: ["slapd.conf"], place: null },
    });
    expect(localsOf({}).read("b/c")).toMatchObject({ left: { _tag: "LocalMissing", nearest: [] } });
  });

  it.each([
    ["/etc/passwd", "d/link", "is a symbolic link that leads out of d"],
    ["../outside", "d/link", "is a symbolic link that leads out of d"],
    ["x", "through", "is reached through a symbolic link"],
  ])("with a link to %s at %s are refused", (target, link, reason) => {
    const { root, read } = localsOf({ "d/x": "", outside: "", x: "" });
    symlinkSync(target, join(root, link));
    const [top] = link.split("/") as [string];
    expect(read(top)).toMatchObject({ left: { _tag: "LocalRefused", file: link, reason } });
  });

  it("that the disk refuses are a failure", () => {
    const { root, read } = localsOf({});
    symlinkSync("loop", join(root, "loop"));
    expect(read("loop")).toEqual({
      _tag: "Left",
      left: { _tag: "Unreadable", file: join(root, "loop"), code: "ELOOP" },
    });
  });

  it.each(["../outside", "a/../../outside", "."])("at %s are refused", (file) => {
    expect(localsOf({}).read(file)).toMatchObject({
      left: { _tag: "LocalRefused", reason: "lies outside the workspace" },
    });
  });

  it("of an unknown workspace are refused", () => {
    const read = localReader([], readLog(Date.now));
    expect(read({ workspace: "user", file: "x" })).toMatchObject({ left: { _tag: "LocalRefused" } });
  });
});
