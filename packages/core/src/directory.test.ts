import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex, utf8 } from "./bytes.ts";
import { type Directory, decodeDirectory, encodeDirectory } from "./directory.ts";
import { sha256, sha256Hex } from "./sha256.ts";
import { anyDirectory } from "./testing/arbitrary.ts";

const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const byName = <A extends { readonly name: Uint8Array }>(entries: readonly A[]): A[] =>
  entries.toSorted((a, b) => Buffer.compare(a.name, b.name));

const canonical = ({ files, directories, symlinks }: Directory): Directory => ({
  files: byName(files),
  directories: byName(directories),
  symlinks: byName(symlinks),
});

describe("the message of a directory", () => {
  test("that is empty has no bytes", () => {
    const empty = { files: [], directories: [], symlinks: [] };
    expect(toHex(sha256(encodeDirectory(empty)))).toBe(EMPTY);
    expect(decodeDirectory(new Uint8Array())).toEqual(empty);
  });

  /** Written out field by field from remote_execution.proto: tag = number << 3 | wire type, then a varint or a length. */
  test("is protobuf's, as the Remote Execution API v2 defines it", () => {
    const hello = sha256Hex("hello\n");
    const field = (tag: number, ...bytes: number[]): number[] => [tag, bytes.length, ...bytes];
    const text = (of: string): number[] => [...Buffer.from(of)];
    const digestOf = (hash: string, ...size: number[]): number[] => [...field(0x0a, ...text(hash)), ...size];
    const expected = [
      // files = 1: name = 1, digest = 2 (hash = 1, size_bytes = 2: 6), is_executable = 4
      ...field(0x0a, ...field(0x0a, ...text("a")), ...field(0x12, ...digestOf(hello, 0x10, 6))),
      ...field(0x0a, ...field(0x0a, ...text("b")), ...field(0x12, ...digestOf(hello, 0x10, 0xac, 0x02)), 0x20, 1),
      // directories = 2: name = 1, digest = 2; a size of zero is a default, and left out
      ...field(0x12, ...field(0x0a, ...text("d")), ...field(0x12, ...digestOf(EMPTY))),
      // symlinks = 3: name = 1, target = 2
      ...field(0x1a, ...field(0x0a, ...text("l")), ...field(0x12, ...text("../b"))),
    ];
    const tree: Directory = {
      files: [
        { name: utf8("b"), digest: { hash: hello, size: 300 }, executable: true },
        { name: utf8("a"), digest: { hash: hello, size: 6 }, executable: false },
      ],
      directories: [{ name: utf8("d"), digest: { hash: EMPTY, size: 0 } }],
      symlinks: [{ name: utf8("l"), target: utf8("../b") }],
    };
    expect([...encodeDirectory(tree)]).toEqual(expected);
    // As `protoc --encode build.bazel.remote.execution.v2.Directory | sha256sum` would say.
    expect(sha256Hex(encodeDirectory(tree))).toBe(sha256Hex(Uint8Array.from(expected)));
    expect(decodeDirectory(Uint8Array.from(expected))).toEqual(canonical(tree));
  });

  test("reads back, and does not depend on the order of the entries", () =>
    fc.assert(
      fc.property(anyDirectory, (tree) => {
        const bytes = encodeDirectory(tree);
        expect(decodeDirectory(bytes)).toEqual(canonical(tree));
        const { files, directories, symlinks } = tree;
        const turned = {
          files: files.toReversed(),
          directories: directories.toReversed(),
          symlinks: symlinks.toReversed(),
        };
        expect(encodeDirectory(turned)).toEqual(bytes);
      }),
    ));

  test("sorts names by bytes, not as text", () => {
    const names = ["a.b", "a", "Z", "é", "😀", "\uffff"].map(utf8);
    const symlinks = names.map((of) => ({ name: of, target: utf8("x") }));
    const decoded = decodeDirectory(encodeDirectory({ files: [], directories: [], symlinks }));
    expect(decoded?.symlinks.map((link) => Buffer.from(link.name).toString())).toEqual([
      "Z",
      "a",
      "a.b",
      "é",
      "\uffff",
      "😀",
    ]);
  });
});

describe("reading a message from an untrusted place", () => {
  const file = (named: string | Uint8Array) => ({
    name: typeof named === "string" ? utf8(named) : named,
    digest: { hash: EMPTY, size: 0 },
    executable: false,
  });
  const link = (named: string, target: string) => ({ name: utf8(named), target: utf8(target) });
  const none: Directory = { files: [], directories: [], symlinks: [] };

  test.each<[string, Directory]>([
    ["an empty name", { ...none, files: [file("")] }],
    ["the name .", { ...none, files: [file(".")] }],
    ["the name ..", { ...none, directories: [file("..")] }],
    ["a slash in a name", { ...none, files: [file("a/b")] }],
    ["a NUL in a name", { ...none, files: [file("a\0")] }],
    ["a name of 256 bytes", { ...none, files: [file("x".repeat(256))] }],
    ["one name twice", { ...none, files: [file("a"), file("a")] }],
    ["one name for a file and a link", { ...none, files: [file("a")], symlinks: [link("a", "b")] }],
    ["a link to nowhere", { ...none, symlinks: [link("a", "")] }],
    ["a NUL in a link", { ...none, symlinks: [link("a", "b\0")] }],
    ["a digest in upper case", { ...none, files: [{ ...file("a"), digest: { hash: EMPTY.toUpperCase(), size: 1 } }] }],
    ["a digest of another length", { ...none, files: [{ ...file("a"), digest: { hash: "e3b0", size: 1 } }] }],
    [
      "a size beyond what a number holds",
      { ...none, files: [{ ...file("a"), digest: { hash: EMPTY, size: 2 ** 55 } }] },
    ],
  ])("refuses %s", (_, tree) => {
    expect(decodeDirectory(encodeDirectory(tree))).toBeUndefined();
  });

  test.each([
    ["a field that the API does not know", [0x2a, 0]],
    ["a default that is written out", [0x1a, 8, 0x0a, 1, 97, 0x12, 1, 98, 0x20, 0]],
    ["a length in more bytes than it needs", [0x1a, 0x86, 0, 0x0a, 1, 97, 0x12, 1, 98]],
    ["a length beyond the end", [0x1a, 0x7f, 0x0a]],
    ["a varint without an end", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]],
  ])("refuses %s", (_, bytes) => {
    expect(decodeDirectory(Uint8Array.from(bytes))).toBeUndefined();
  });

  test("takes names that are not UTF-8", () => {
    const tree = { ...none, files: [file(Uint8Array.of(0xff, 0xfe))] };
    expect(decodeDirectory(encodeDirectory(tree))).toEqual(tree);
  });
});
