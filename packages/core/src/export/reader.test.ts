import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex, utf8 } from "../bytes.ts";
import { type Derivation, type DrvHash, drvHash } from "../derivation.ts";
import type { ObjectInfo } from "../object.ts";
import { encodeObjectInfo } from "../object-record.ts";
import { contentKey, type Realisation, type RealisationKey } from "../realisation.ts";
import { type StorePath, storePath } from "../store-path.ts";
import { fuzzing } from "../testing/arbitrary.ts";
import { plainDerivation } from "../testing/plain-derivation.ts";
import {
  concatenated,
  fileOf,
  folderOf,
  linkTo,
  type MemoryTree,
  type TreeWorld,
  treeWorld,
} from "../testing/tree-object.ts";
import { byteQueue } from "./byte-queue.ts";
import { encodeExportHeader, exportMagic, ITEM, itemHead } from "./format.ts";
import { type ExportEvent, type ReaderOptions, readExport } from "./reader.ts";

const newDigester: ReaderOptions["newDigester"] = () => {
  const sum = createHash("sha256");
  return { update: (bytes) => void sum.update(bytes), digest: () => sum.digest("hex") };
};

/** All events but `Hungry`, the stream coming in pieces of these lengths, over and over. */
function readEvents(
  stream: Uint8Array,
  { lengths = [stream.length], entries }: { lengths?: number[]; entries?: number } = {},
) {
  const queue = byteQueue();
  const events: ExportEvent[] = [];
  let at = 0;
  let turn = 0;
  for (const event of readExport(queue, { newDigester, ...(entries === undefined ? {} : { entries }) })) {
    if (event._tag !== "Hungry") {
      events.push(event);
      continue;
    }
    const length = Math.max(1, lengths[turn++ % lengths.length] ?? 1);
    if (at === stream.length) queue.end();
    else queue.feed(stream.subarray(at, at + length));
    at = Math.min(stream.length, at + length);
  }
  return events;
}

const last = (stream: Uint8Array, entries?: number): ExportEvent | undefined =>
  readEvents(stream, entries === undefined ? {} : { entries }).at(-1);

/** What the events say that the objects are: each whole one with its tree, as text. */
function objectsIn(events: readonly ExportEvent[]): { info: ObjectInfo; tree: string[] }[] {
  const whole: { info: ObjectInfo; tree: string[] }[] = [];
  const contents = new Map<string, string>();
  let tree: string[] = [];
  let path = "";
  let bytes: Uint8Array[] = [];
  let info: ObjectInfo | undefined;
  const file = (executable: boolean, content: string): void => {
    contents.set(`${info?.path} ${path}`, content);
    tree.push(`${path} ${executable ? "x" : "-"} ${content}`);
  };
  let executable = false;
  for (const event of events) {
    if (event._tag === "Object") {
      info = event.info;
      tree = [];
    }
    if (event._tag === "Directory") {
      tree.push(`${toHex(event.path)} d`);
      for (const { name, target } of event.directory.symlinks) tree.push(`${toHex(name)} -> ${toHex(target)}`);
    }
    if (event._tag === "Link") tree.push(`-> ${toHex(event.target)}`);
    if (event._tag === "File") {
      path = toHex(event.path);
      ({ executable } = event);
      bytes = [];
    }
    if (event._tag === "Bytes") bytes.push(event.bytes);
    if (event._tag === "FileDone") file(executable, toHex(concatenated(bytes)));
    if (event._tag === "SameFile") {
      const { object, folder, name } = event.as;
      const slash = folder.length === 0 ? "" : "2f";
      path = toHex(event.path);
      file(event.executable, contents.get(`${object} ${toHex(folder)}${slash}${toHex(name)}`) ?? "unknown");
    }
    if (event._tag === "ObjectDone") whole.push({ info: event.info, tree });
  }
  return whole;
}

const anyName = fc
  .uint8Array({ minLength: 1, maxLength: 8 })
  .filter((name) => !name.includes(0) && !name.includes(47) && !/^(2e|2e2e)$/.test(toHex(name)));
const bytes = fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constant(utf8("shared")), fc.constant(new Uint8Array()));
const anyTree = fc.letrec<{ tree: MemoryTree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    fc.record({ _tag: fc.constant("File" as const), bytes, executable: fc.boolean() }),
    fc.record({
      _tag: fc.constant("Link" as const),
      target: fc.uint8Array({ minLength: 1, maxLength: 9 }).filter((target) => !target.includes(0)),
    }),
    fc.record({
      _tag: fc.constant("Folder" as const),
      entries: fc.uniqueArray(fc.tuple(anyName, tie("tree")), { maxLength: 4, selector: ([name]) => toHex(name) }),
    }),
  ),
})).tree;

/** Trees, each with the numbers of those before it that it refers to. */
const anyWorld = fc.record({
  trees: fc.array(fc.tuple(anyTree, fc.array(fc.nat({ max: 9 }), { maxLength: 3 })), { maxLength: 6 }),
  derivations: fc.uniqueArray(fc.string(), { maxLength: 3 }),
});
type World = typeof anyWorld extends fc.Arbitrary<infer W> ? W : never;

const drv = (text: string): Derivation => plainDerivation({ name: "drv", args: [text] });

interface Streamed {
  readonly objects: readonly ObjectInfo[];
  readonly derivations: ReadonlyMap<DrvHash, Derivation>;
  readonly realisations: readonly Realisation[];
  readonly items: readonly Uint8Array[];
}

function streamed(spec: World, world: TreeWorld = treeWorld()): Streamed {
  const objects = new Map<StorePath, ObjectInfo>();
  for (const [i, [tree, numbers]] of spec.trees.entries()) {
    const before = [...objects.keys()];
    const references = new Set(numbers.flatMap((number) => before[number] ?? []));
    const info = world.add(`object-${i}`, tree, [...references]);
    objects.set(info.path, info);
  }
  const derivations = new Map(spec.derivations.map((text) => [drvHash(drv(text)), drv(text)]));
  const realisations = [...objects.keys()].slice(0, derivations.size).map((path, i) => ({
    key: contentKey({ drv: [...derivations.keys()][i] as DrvHash, output: "out" }),
    path,
  }));
  const of = { objects: [...objects.values()], derivations, realisations };
  return { ...of, items: world.items(world.export(of)) };
}

const textOf = (tree: MemoryTree, path = ""): string[] => {
  switch (tree._tag) {
    case "File":
      return [`${path} ${tree.executable ? "x" : "-"} ${toHex(tree.bytes)}`];
    case "Link":
      return [`-> ${toHex(tree.target)}`];
    case "Folder": {
      const below = (name: string): string => (path === "" ? name : `${path}2f${name}`);
      return [
        `${path} d`,
        ...tree.entries.flatMap(([name, entry]) =>
          entry._tag === "Link" ? [`${toHex(name)} -> ${toHex(entry.target)}`] : textOf(entry, below(toHex(name))),
        ),
      ];
    }
  }
};

describe("reading what was written", () => {
  test("gives every object whole, each derivation and realisation, in whatever pieces the stream comes", () =>
    fc.assert(
      fc.property(anyWorld, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (spec, lengths) => {
        const { objects, derivations, realisations, items } = streamed(spec);
        const events = readEvents(concatenated(items), { lengths });
        expect(events.at(-1)).toEqual({ _tag: "Done" });
        const whole = objectsIn(events);
        expect(whole.map(({ info }) => info)).toEqual(objects);
        const trees = spec.trees.map(([tree]) => textOf(tree).sort());
        expect(whole.map(({ tree }) => tree.sort())).toEqual(trees);
        const drvs = events.flatMap((event) => (event._tag === "Derivation" ? [event.hash] : []));
        expect(drvs).toEqual([...derivations.keys()].sort());
        const recorded = events.flatMap((event) => (event._tag === "Realisation" ? [event.realisation] : []));
        expect(recorded).toEqual(realisations.toSorted((a, b) => (a.key < b.key ? -1 : 1)));
      }),
    ));

  test("each content stands in it once", () => {
    const world = treeWorld();
    const a = world.add(
      "a",
      folderOf({ x: fileOf("same"), y: fileOf("same", true), d: folderOf({ z: fileOf("same") }) }),
    );
    const b = world.add("b", fileOf("same"));
    const items = world.items(world.export({ objects: [a, b] }));
    expect(items.filter((item) => item[0] === ITEM.file)).toHaveLength(1);
    expect(objectsIn(readEvents(concatenated(items))).map(({ info }) => info)).toEqual([a, b]);
  });

  test("what is needed and not in it may be referred to", () => {
    const world = treeWorld();
    const a = world.add("a", fileOf("a"));
    const b = world.add("b", fileOf("b"), [a.path]);
    const items = world.items(world.export({ objects: [b], header: { roots: [b.path], needs: [a.path] } }));
    expect(readEvents(concatenated(items))[0]).toEqual({
      _tag: "Header",
      header: { roots: [b.path], needs: [a.path], objects: 1, bytes: 1, knowledge: 0 },
    });
    expect(last(concatenated(items))).toEqual({ _tag: "Done" });
  });
});

describe("a stream that was harmed", () => {
  test("cut anywhere: what was whole before is said, and then that it was cut", () =>
    fc.assert(
      fc.property(anyWorld, fc.nat(), (spec, at) => {
        const { objects, items } = streamed(spec);
        const stream = concatenated(items);
        const events = readEvents(stream.subarray(0, at % stream.length));
        expect(events.at(-1)).toEqual({ _tag: "Cut" });
        const whole = objectsIn(events);
        expect(whole.map(({ info }) => info)).toEqual(objects.slice(0, whole.length));
      }),
    ));

  test("an item moved, left out or repeated: refused, or cut where nothing can be missed", () =>
    fc.assert(
      fc.property(anyWorld, fc.nat(), fc.nat(), fc.constantFrom("move", "drop", "repeat"), (spec, a, b, how) => {
        const { objects, items } = streamed(spec);
        const from = 1 + (a % (items.length - 1));
        const item = items[from] as Uint8Array;
        const rest = items.filter((_, i) => how === "repeat" || i !== from);
        const to = 1 + (b % (items.length - 1));
        const harmed = how === "drop" ? rest : [...rest.slice(0, to), item, ...rest.slice(to)];
        fc.pre(toHex(concatenated(harmed)) !== toHex(concatenated(items)));
        const events = readEvents(concatenated(harmed));
        expect(events.at(-1)?._tag).toMatch(/^(Refused|Cut)$/);
        for (const { info } of objectsIn(events)) expect(objects).toContainEqual(info);
      }),
    ));
});

/** How many harmed streams the next test reads. */
const { runs: RUNS, timeout } = fuzzing(2_000);

/** Making objects takes longer than reading them, so each stream is harmed in several ways. */
const RUNS_A_STREAM = 20;

/** A change to a stream's bytes: some are overwritten, inserted or taken out, or a length is made another. */
const harm = fc.record({
  at: fc.nat(),
  count: fc.integer({ min: 0, max: 12 }),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc
      .constantFrom(...Object.values(ITEM))
      .chain((type) =>
        fc
          .oneof(fc.nat({ max: 100 }), fc.constantFrom(2 ** 32, 2 ** 52, 2 ** 53, 2 ** 63))
          .map((length) => itemHead(type, length)),
      ),
    fc.constantFrom("../..", "/", ".", "\0", "l9999999999:", "m1:", "n", "sha256", "/cab/store/").map(utf8),
  ),
});

const harms = fc.array(fc.array(harm, { minLength: 1, maxLength: 4 }), {
  minLength: RUNS_A_STREAM,
  maxLength: RUNS_A_STREAM,
});

function harmed(stream: Uint8Array, changes: readonly { at: number; count: number; insert: Uint8Array }[]): Uint8Array {
  let bytes = stream;
  for (const { at, count, insert } of changes) {
    const start = at % (bytes.length + 1);
    bytes = concatenated([bytes.subarray(0, start), insert, bytes.subarray(start + count)]);
  }
  return bytes;
}

test(
  "fuzzed: it ends with a word, throws nothing, and what it calls whole is an object that was exported",
  () => {
    let read = 0;
    fc.assert(
      fc.property(anyWorld, harms, (spec, ways) => {
        const { objects, items } = streamed(spec);
        const stream = concatenated(items);
        const known = new Map(objects.map((info) => [info.path, info]));
        for (const changes of ways) {
          const events = readEvents(harmed(stream, changes), { lengths: [7, 4096] });
          read++;
          expect(events.at(-1)?._tag).toMatch(/^(Done|Cut|Refused)$/);
          for (const { info } of objectsIn(events)) expect(info).toEqual(known.get(info.path));
        }
      }),
      { numRuns: Math.ceil(RUNS / RUNS_A_STREAM) },
    );
    expect(read).toBeGreaterThanOrEqual(RUNS);
  },
  timeout,
);

const header = (fields: Partial<Parameters<typeof encodeExportHeader>[0]>): Uint8Array =>
  item(ITEM.header, encodeExportHeader({ roots: [], needs: [], objects: 1, bytes: 0, knowledge: 0, ...fields }));
const item = (type: (typeof ITEM)[keyof typeof ITEM], payload: Uint8Array): Uint8Array =>
  concatenated([itemHead(type, payload.length), payload]);
const stream = (...items: Uint8Array[]): Uint8Array => concatenated([exportMagic, ...items]);
const refused = (reason: string | RegExp): unknown => ({
  _tag: "Refused",
  reason: typeof reason === "string" ? reason : (expect.stringMatching(reason) as unknown as string),
});

describe("a forged stream is refused", () => {
  const world = treeWorld();
  const plain = world.add("plain", fileOf("plain"));
  const record = (info: ObjectInfo): Uint8Array => item(ITEM.object, encodeObjectInfo(info));

  /** An object that is this directory, by whatever names. */
  const folder = (message: Parameters<TreeWorld["addMessage"]>[0]): Uint8Array[] => {
    const digest = world.addMessage(message);
    const info = world.add("folder", folderOf({}));
    const forged = { ...info, digest: digest.hash, selfDigest: "0".repeat(64) };
    return world.items(world.export({ objects: [forged] })).slice(1);
  };

  test.each<[string, Uint8Array, string | RegExp]>([
    ["other bytes", utf8("PK\x03\x04 and so on, as an archive would"), "it is no export of cab's"],
    ["a later version", utf8("cab-export@2\n"), "it has version 2 of the format, and this cab reads version 1"],
    ["no version", utf8("cab-export@\n"), /^it has version none/],
    ["a version that is none", utf8("cab-export@1 \n"), "it is no export of cab's"],
    ["no header", stream(record(plain)), 'an item "O" stands where "H" must'],
    ["a header of any length", stream(itemHead(ITEM.header, 2 ** 40)), /^an item "H" has 1099511627776 bytes; /],
    ["a length beyond all numbers", stream(itemHead(ITEM.header, 2 ** 63)), "an item has an impossible length"],
    ["a header that is none", stream(item(ITEM.header, utf8("m1:1:a1:b"))), "its header is damaged"],
    ["more objects than may be", stream(header({ objects: 2 ** 21 })), "its header is damaged"],
    ["a record that is none", stream(header({}), item(ITEM.object, utf8("l0:"))), "an object's record is damaged"],
    [
      "a path outside of the store",
      stream(header({}), record({ ...plain, path: "/cab/store/../../etc/passwd" as StorePath })),
      "an object's record is damaged",
    ],
    [
      "a path that does not follow",
      stream(header({}), record({ ...plain, path: storePath("forged", "plain") })),
      `the record of ${storePath("forged", "plain")} does not give this path`,
    ],
    [
      "a reference to what is not there",
      stream(header({}), record({ ...plain, references: [storePath("x", "x")] })),
      `${plain.path} refers to ${storePath("x", "x")}, which does not stand before it`,
    ],
    [
      "more bytes of files than the header says",
      stream(header({ bytes: 4 }), record(plain), item(ITEM.file, utf8("plain"))),
      "it has more than the 4 bytes of files that its header says",
    ],
    [
      "a file of another length",
      stream(header({ bytes: 9 }), record(plain), item(ITEM.file, utf8("plain, yes"))),
      `${plain.path} has 10 bytes, expected 5`,
    ],
    [
      "a file of other bytes",
      stream(header({ bytes: 5 }), record(plain), item(ITEM.file, utf8("plane"))),
      `${plain.path} holds other bytes than were promised`,
    ],
    [
      "a root that is not in it",
      stream(header({ objects: 0, roots: [plain.path] })),
      `it promises ${plain.path}, and does not hold it`,
    ],
    [
      "fewer bytes than the header says",
      stream(header({ bytes: 6 }), record(plain), item(ITEM.file, utf8("plain"))),
      "its files have 5 bytes, and its header says 6",
    ],
    [
      "a name that leads out",
      stream(...folder({ files: [], directories: [], symlinks: [{ name: utf8(".."), target: utf8("x") }] })),
      /is not the directory that was promised$/,
    ],
    [
      "a name with a slash",
      stream(...folder({ files: [], directories: [], symlinks: [{ name: utf8("a/b"), target: utf8("x") }] })),
      /is not the directory that was promised$/,
    ],
    [
      "two entries of one name",
      stream(
        ...folder({
          files: [],
          directories: [],
          symlinks: [
            { name: utf8("a"), target: utf8("x") },
            { name: utf8("a"), target: utf8("y") },
          ],
        }),
      ),
      /is not the directory that was promised$/,
    ],
    [
      "a derivation that is none",
      stream(header({ objects: 0, knowledge: 2 }), item(ITEM.derivation, utf8("l0"))),
      "a derivation is damaged",
    ],
    [
      "a realisation of anything",
      stream(
        header({ objects: 0, knowledge: 99 }),
        item(ITEM.realisation, utf8(`l2:1:x${plain.path.length}:${plain.path}`)),
      ),
      "a realisation is damaged",
    ],
    [
      "more derivations than the header says",
      stream(header({ objects: 0, knowledge: 1 }), item(ITEM.derivation, utf8("l0"))),
      "it has more than the 1 bytes of derivations and realisations that its header says",
    ],
    [
      "an unknown item",
      stream(header({ objects: 0 }), concatenated([utf8("?"), new Uint8Array(8)])),
      'an item "?" stands where its end must',
    ],
    [
      "an end that goes on",
      stream(header({ objects: 0 }), item(ITEM.end, utf8("x"))),
      'an item "E" stands where its end must',
    ],
    [
      "something behind the end",
      stream(header({ objects: 0 }), itemHead(ITEM.end, 0), utf8("x")),
      "something follows its end",
    ],
  ])("%s", (_, bytes, reason) => {
    expect(last(bytes)).toEqual(refused(reason));
  });

  test("an object twice", () => {
    const items = world.items(world.export({ objects: [plain, plain], header: { roots: [], needs: [] } }));
    expect(last(concatenated(items))).toEqual(refused(`${plain.path} stands in it twice, or is among what it needs`));
  });

  test("a derivation or realisation twice", () => {
    const realisation = { key: contentKey({ drv: drvHash(drv("")), output: "out" }), path: plain.path };
    const twice = world.items(world.export({ objects: [plain], realisations: [realisation, realisation] }));
    expect(last(concatenated(twice))).toEqual(
      refused(/^the realisation drv:.* is out of order, or stands in it twice$/),
    );
  });

  test("more entries than an object may have", () => {
    const info = world.add("many", folderOf({ a: fileOf("a"), b: linkTo("a"), c: folderOf({ d: fileOf("d") }) }));
    const items = concatenated(world.items(world.export({ objects: [info] })));
    expect(last(items, 4)).toEqual({ _tag: "Done" });
    expect(last(items, 3)).toEqual(refused(`${info.path} has more than 3 entries`));
  });

  test("a tree that nests without end", () => {
    let tree: MemoryTree = fileOf("deep");
    for (let i = 0; i < 40; i++) tree = folderOf({ ["x".repeat(200)]: tree });
    const info = world.add("deep", tree);
    expect(last(concatenated(world.items(world.export({ objects: [info] }))))).toEqual(refused(/ nests too deep$/));
  });
});

test("a key that names nothing is no realisation's", () => {
  const keys = ["", "drv:x:out", "fixed:md5:00:flat:x", `drv:${"0".repeat(64)}:../x`, `drv:${"0".repeat(64)}:out:x`];
  const plain = treeWorld().add("plain", fileOf("plain"));
  for (const key of keys) {
    const world = treeWorld();
    const items = world.items(
      world.export({ objects: [], realisations: [{ key: key as RealisationKey, path: plain.path }] }),
    );
    expect(last(concatenated(items))).toEqual(refused("a realisation is damaged"));
  }
});
