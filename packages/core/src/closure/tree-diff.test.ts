import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeUtf8, utf8 } from "../bytes.ts";
import { fileOf, folderOf, linkTo, type MemoryTree, treeWorld } from "../testing/tree-object.ts";
import { diffTrees, type EntryChange } from "./tree-diff.ts";

function changes(before: MemoryTree, after: MemoryTree): EntryChange[] {
  const world = treeWorld();
  const [one, other] = [world.add("x", before), world.add("x", after)];
  return diffTrees(one, other, world.export({}).directory);
}

const kinds = ({ path, before, after }: EntryChange): unknown[] => [
  decodeUtf8(path),
  before?.kind ?? null,
  after?.kind ?? null,
];

test("files, links and folders that were added, removed, changed, or became another kind", () => {
  const before = folderOf({
    same: folderOf({ x: fileOf("x") }),
    bin: folderOf({ tool: fileOf("1"), old: fileOf("old") }),
    link: linkTo("a"),
    gone: folderOf({ inner: fileOf("i") }),
    turned: fileOf("t"),
  });
  const after = folderOf({
    same: folderOf({ x: fileOf("x") }),
    bin: folderOf({ tool: fileOf("1", true), new: fileOf("new") }),
    link: linkTo("b"),
    turned: folderOf({ deep: linkTo("..") }),
  });
  expect(changes(before, after).map(kinds)).toEqual([
    ["bin/new", null, "file"],
    ["bin/old", "file", null],
    ["bin/tool", "file", "file"],
    ["gone", "directory", null],
    ["gone/inner", "file", null],
    ["link", "symlink", "symlink"],
    ["turned", "file", "directory"],
    ["turned/deep", null, "symlink"],
  ]);
});

test("roots that are no folders", () => {
  expect(changes(fileOf("a"), fileOf("a", true)).map(kinds)).toEqual([["", "file", "file"]]);
  expect(changes(linkTo("a"), folderOf({ a: fileOf("") })).map(kinds)).toEqual([
    ["", "symlink", "directory"],
    ["a", null, "file"],
  ]);
});

const anyTree = fc.letrec<{ tree: MemoryTree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(fileOf("a"), fileOf("b"), fileOf("a", true), linkTo("a"), linkTo("b")),
    fc
      .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "é").map(utf8), tie("tree")), {
        selector: ([name]) => decodeUtf8(name),
        maxLength: 4,
      })
      .map((entries): MemoryTree => ({ _tag: "Folder", entries })),
  ),
})).tree;

/** Every entry by its path, folders as such. */
function entriesOf(tree: MemoryTree, path = "", into = new Map<string, string>()): Map<string, string> {
  const said =
    tree._tag === "File"
      ? `${decodeUtf8(tree.bytes)} ${tree.executable}`
      : tree._tag === "Link"
        ? `→ ${decodeUtf8(tree.target)}`
        : "folder";
  into.set(path, said);
  if (tree._tag === "Folder") {
    for (const [name, entry] of tree.entries)
      entriesOf(entry, path === "" ? (decodeUtf8(name) as string) : `${path}/${decodeUtf8(name)}`, into);
  }
  return into;
}

test("the changes are the paths at which the trees differ", () =>
  fc.assert(
    fc.property(anyTree, anyTree, (before, after) => {
      const [one, other] = [entriesOf(before), entriesOf(after)];
      const differing = [...new Set([...one.keys(), ...other.keys()])].filter(
        (path) => one.get(path) !== other.get(path),
      );
      expect(
        changes(before, after)
          .map(({ path }) => decodeUtf8(path))
          .sort(),
      ).toEqual(differing.sort());
    }),
  ));
