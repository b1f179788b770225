import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Disk,
  diskAfter,
  everything,
  type Inode,
  type Kept,
  type Node,
  orderOf,
  type Step,
} from "./file-system.ts";

const ROOT = 0;
const EMPTY: Disk = {
  root: ROOT,
  nodes: new Map([[ROOT, { _tag: "Directory", mode: 0o755, time: null, entries: new Map() }]]),
};

const file: Node = { _tag: "File", mode: 0o644, time: null, content: Buffer.alloc(0) };
const directory: Node = { _tag: "Directory", mode: 0o755, time: null, entries: new Map() };

const make = (inode: Inode, name: string, node: Node = file, parent = ROOT): Step => ({
  _tag: "Names",
  entries: [{ directory: parent, name, inode }],
  made: { inode, node },
});
const name = (inode: Inode | null, as: string, parent = ROOT): Step => ({
  _tag: "Names",
  entries: [{ directory: parent, name: as, inode }],
  made: null,
});
const rename = (inode: Inode, from: string, to: string, parent = ROOT): Step => ({
  _tag: "Names",
  entries: [
    { directory: ROOT, name: from, inode: null },
    { directory: parent, name: to, inode },
  ],
  made: null,
});
const write = (inode: Inode, text: string, offset = 0, isThrough = false): Step => ({
  _tag: "Write",
  inode,
  offset,
  bytes: Buffer.from(text),
  isThrough,
});
const mode = (inode: Inode, to: number): Step => ({ _tag: "Attributes", inode, mode: to, time: null });
const sync = (of: Inode | null, since: number, attributes = true): Step => ({ _tag: "Sync", of, attributes, since });

/** Names to contents, modes and folders. */
function look({ root, nodes }: Disk): unknown {
  const of = (inode: Inode): unknown => {
    const node = nodes.get(inode);
    if (node?._tag === "File") return `${node.mode.toString(8)} ${node.content.toString()}`;
    if (node?._tag !== "Directory") return node;
    return Object.fromEntries([...node.entries].map(([entry, below]) => [entry, of(below)]));
  };
  return of(root);
}

const keeping =
  (...steps: number[]) =>
  (at: number): Kept =>
    steps.includes(at);

describe("the disk after some steps", () => {
  test("is what the programs see if all are kept", () => {
    const steps = [make(1, "a"), write(1, "hello"), write(1, "J"), make(2, "d", directory), rename(1, "a", "b", 2)];
    expect(look(diskAfter(EMPTY, steps, everything))).toEqual({ d: { b: "644 Jello" } });
  });

  test("has zeros where bytes were lost before the end, and the rest of what was there", () => {
    const steps = [make(1, "a"), write(1, "one"), write(1, "two", 5)];
    expect(look(diskAfter(EMPTY, steps, keeping(0, 2)))).toEqual({ a: "644 \0\0\0\0\0two" });
  });

  test("has a write in part, by sectors", () => {
    const steps = [make(1, "a"), write(1, "x".repeat(1024), 256)];
    const disk = diskAfter(EMPTY, steps, (at) => (at === 0 ? true : { sectors: (sector) => sector === 1 }));
    const expected = `${"\0".repeat(512)}${"x".repeat(512)}${"\0".repeat(256)}`;
    expect(look(disk)).toEqual({ a: `644 ${expected}` });
  });

  test("has a file under its second name when the first was lost", () => {
    const steps = [make(1, "a"), write(1, "text"), name(1, "b")];
    expect(look(diskAfter(EMPTY, steps, keeping(1, 2)))).toEqual({ b: "644 text" });
  });
});

describe("what a sync brings", () => {
  const certain = (steps: readonly Step[]): unknown => {
    const { durableFrom } = orderOf(EMPTY, steps);
    return look(diskAfter(EMPTY, steps, (at) => (durableFrom[at] as number) < steps.length));
  };

  test("of a file: bytes and attributes, but not its name", () => {
    const steps = [make(1, "a"), write(1, "text"), mode(1, 0o444), sync(1, 3)];
    expect(certain(steps)).toEqual({});
    expect(certain([...steps, sync(ROOT, 4)])).toEqual({ a: "444 text" });
  });

  test("of a file's data: no attributes", () => {
    expect(certain([make(1, "a"), write(1, "text"), mode(1, 0o444), sync(1, 3, false), sync(ROOT, 4)])).toEqual({
      a: "644 text",
    });
  });

  test("of a directory: names, but no bytes, and not the directory's own", () => {
    const steps = [make(2, "d", directory), make(1, "a", file, 2), write(1, "text"), sync(2, 3)];
    expect(certain(steps)).toEqual({});
    expect(certain([...steps, sync(ROOT, 4)])).toEqual({ d: { a: "644 " } });
  });

  test("of either directory: a rename, with what it needs", () => {
    const steps = [make(1, "a"), make(2, "d", directory), rename(1, "a", "b", 2)];
    expect(certain([...steps, sync(2, 3)])).toEqual({});
    const { durableFrom } = orderOf(EMPTY, [...steps, sync(2, 3)]);
    expect(durableFrom).toEqual([3, Number.POSITIVE_INFINITY, 3, Number.POSITIVE_INFINITY]);
  });

  test("of everything: all that had ended when it began", () => {
    expect(certain([make(1, "a"), write(1, "text"), name(1, "late"), sync(null, 2)])).toEqual({ a: "644 text" });
  });

  test("of a directory: the times of links in it, which nobody could sync", () => {
    const link: Node = { _tag: "Symlink", time: null, target: "a" };
    const steps: Step[] = [make(1, "link", link), { _tag: "Attributes", inode: 1, mode: null, time: 1 }, sync(ROOT, 2)];
    expect(certain(steps)).toEqual({ link: { ...link, time: 1 } });
  });

  test("of nothing, where a write goes through", () => {
    const { durableFrom } = orderOf(EMPTY, [make(1, "a"), write(1, "text"), write(1, "T", 0, true)]);
    expect(durableFrom).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 2]);
  });
});

describe("what cannot be on the disk without another", () => {
  test("changes of one name, in their order", () => {
    const steps = [make(1, "a"), name(null, "a"), make(2, "a"), make(3, "b")];
    expect(orderOf(EMPTY, steps).needs).toEqual([[], [0], [1], []]);
  });

  test("that a directory is gone, without its being empty", () => {
    const steps = [make(1, "d", directory), make(2, "a", file, 1), name(null, "a", 1), name(null, "d")];
    expect(orderOf(EMPTY, steps).needs).toEqual([[], [], [1], [0, 1, 2]]);
  });

  test("that it has another name needs nothing of what is in it", () => {
    const steps = [make(1, "d", directory), make(2, "a", file, 1), rename(1, "d", "e")];
    expect(orderOf(EMPTY, steps).needs).toEqual([[], [], [0]]);
  });
});

test("whatever is done, syncing everything makes certain what the programs see", () => {
  const names = fc.constantFrom("a", "b", "c");
  const inodes = fc.integer({ min: 1, max: 3 });
  const change: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(inodes, names).map(([inode, as]) => name(inode, as)),
    names.map((as) => name(null, as)),
    fc.tuple(inodes, fc.string({ maxLength: 4 }), fc.nat(8)).map(([inode, text, at]) => write(inode, text, at)),
    inodes.map((inode) => mode(inode, 0o444)),
  );
  const files = [1, 2, 3].map((inode) => make(inode, `made-${inode}`));
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const steps = [...files, ...changes];
      const synced = [...steps, sync(null, steps.length)];
      const { durableFrom } = orderOf(EMPTY, synced);
      const certain = diskAfter(EMPTY, synced, (at) => (durableFrom[at] as number) < synced.length);
      expect(look(certain)).toEqual(look(diskAfter(EMPTY, steps, everything)));
    }),
  );
});
