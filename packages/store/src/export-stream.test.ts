import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import {
  contentKey,
  type DrvHash,
  drvHash,
  encodeExportHeader,
  encodeObjectInfo,
  exportMagic,
  hashPart,
  ITEM,
  type ItemType,
  itemHead,
  type ObjectInfo,
  type Realisation,
  type RealisationKey,
  referencesFirst,
  type StorePath,
  type StreamFailure,
  totalSize,
} from "@cab/core";
import { describe, expect, test } from "vitest";
import type { ExportRequest } from "./export-stream.ts";
import type { ImportOptions, ImportReport } from "./import-stream.ts";
import type { Store } from "./store.ts";
import {
  admitBuilt,
  admitTrees,
  admitted,
  derivation,
  dir,
  leftOf,
  outputFile,
  readTree,
  rightOf,
  self,
  temporaryStore,
} from "./testing/rig.ts";

const signal = new AbortController().signal;

async function exported(store: Store, roots: readonly StorePath[], of: Partial<ExportRequest> = {}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  const objects = referencesFirst(roots, store.object);
  const request = { header: { roots, needs: [] }, objects, derivations: new Map(), realisations: [], ...of };
  rightOf(await store.exportTo(request, sink, { signal })());
  return Buffer.concat(chunks);
}

interface Import extends Partial<ImportOptions> {
  /** Lengths of the pieces that the stream comes in. */
  readonly piece?: number;
}

function imported(store: Store, stream: Buffer, { piece = 1000, ...options }: Import = {}) {
  const pieces = function* (): Generator<Buffer> {
    for (let at = 0; at < stream.length; at += piece) yield stream.subarray(at, at + piece);
  };
  const quiet: ImportOptions = { signal, trustRealisations: false, onHeader: () => {}, onObject: () => {} };
  return store.importFrom(Readable.from(pieces()), { ...quiet, ...options })();
}

const refusal = async (store: Store, stream: Buffer): Promise<string> => {
  const failure = leftOf(await imported(store, stream)) as StreamFailure;
  return failure._tag === "StreamRefused" ? failure.reason : failure._tag;
};

/** Compressed as an export is. */
const compressed = (bytes: Buffer): Buffer =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

/** Two objects: one refers to the other and to itself, and both hold one content. */
async function twoObjects(): Promise<{ store: Store; input: StorePath; object: StorePath }> {
  const store = temporaryStore();
  const input = await admitted(store, "input-1", dir({ shared: "same bytes", own: "input" }));
  const tree = dir({
    a: `${self("object-1")} and ${input}`,
    link: { link: `${self("object-1")}/a` },
    d: dir({ tool: { exec: "same bytes" }, again: "same bytes", empty: "", none: dir({}) }),
  });
  const object = await admitted(store, "object-1", tree, [input]);
  return { store, input, object };
}

const nothingTaken = { taken: 0, known: 0, left: 0, disagreeing: 0 };

/** Whether anything of an import is left besides objects. */
const leftovers = (store: Store): string[] =>
  readdirSync(store.layout.store).filter((name) => name.startsWith(".tmp-"));

describe("a closure through a stream", () => {
  test.each([1, 7, 100_000])("arrives whole in another store, in pieces of %d bytes", async (piece) => {
    const { store, input, object } = await twoObjects();
    const to = temporaryStore();
    const said: [string, boolean][] = [];
    const onObject: ImportOptions["onObject"] = ({ path }, wasPresent) => said.push([path, wasPresent]);
    const report = rightOf(await imported(to, await exported(store, [object]), { piece, onObject }));
    const expected: ImportReport = {
      roots: [object],
      imported: 2,
      present: 0,
      derivations: 0,
      realisations: nothingTaken,
    };
    expect(report).toEqual(expected);
    expect(said).toEqual([
      [input, false],
      [object, false],
    ]);
    for (const path of [input, object]) {
      expect(to.object(path)).toEqual({ ...store.object(path), deriver: null });
      expect(readTree(to.physical(path))).toEqual(readTree(store.physical(path)));
    }
    expect(leftovers(to)).toEqual([]);
    // One content is one file there too.
    const inode = (path: StorePath, file: string): number => statSync(join(to.physical(path), file)).ino;
    expect(inode(object, "d/again")).toBe(inode(input, "shared"));
    expect(inode(object, "d/tool")).not.toBe(inode(input, "shared"));
  });

  test("is the same bytes whenever it is exported, and by whatever store", async () => {
    const { store, object } = await twoObjects();
    const to = temporaryStore();
    const stream = await exported(store, [object]);
    rightOf(await imported(to, stream));
    expect((await exported(to, [object])).equals(stream)).toBe(true);
  });

  test("imported again changes nothing", async () => {
    const { store, object } = await twoObjects();
    const stream = await exported(store, [object]);
    const report = rightOf(await imported(store, stream));
    expect([report.imported, report.present]).toEqual([0, 2]);
  });

  test("files of any name, roots of any kind", async () => {
    const store = temporaryStore();
    const drv = derivation("names-1");
    const names = [
      Buffer.from([0xff, 0xfe, 0x80]),
      Buffer.from("a\nb\r\t \\"),
      Buffer.from("é".repeat(127)),
      Buffer.alloc(255, 120),
    ];
    const { out } = rightOf(
      await admitBuilt(store, drv, (scratch) => {
        const folder = outputFile(scratch, drv);
        mkdirSync(folder);
        for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), name);
        mkdirSync(Buffer.concat([Buffer.from(`${folder}/d`), names[0] as Buffer]));
        symlinkSync(
          Buffer.from([0x80, 0x0a]),
          Buffer.concat([Buffer.from(`${folder}/d`), names[0] as Buffer, Buffer.from("/l")]),
        );
      }),
    ) as { out: StorePath };
    const roots = [
      out,
      await admitted(store, "file-1", "file"),
      await admitted(store, "exec-1", { exec: "exec" }),
      await admitted(store, "link-1", { link: "anywhere" }),
      await admitted(store, "empty-1", dir({})),
    ];
    const to = temporaryStore();
    rightOf(await imported(to, await exported(store, roots)));
    for (const path of roots) expect(to.object(path)).toEqual({ ...store.object(path), deriver: null });
    expect(readdirSync(to.physical(out), { encoding: "buffer" }).map(String)).toEqual(
      readdirSync(store.physical(out), { encoding: "buffer" }).map(String),
    );
  });

  test("a file larger than any buffer", async () => {
    const store = temporaryStore();
    const path = await admitted(
      store,
      "large-1",
      dir({ zeros: Buffer.alloc(5_000_001), more: Buffer.alloc(3 << 18, 7) }),
    );
    const stream = await exported(store, [path]);
    expect(stream.length).toBeLessThan(10_000);
    const to = temporaryStore();
    rightOf(await imported(to, stream));
    expect(to.object(path)?.digest).toBe(store.object(path)?.digest);
  });
});

describe("what the other side has", () => {
  test("is left out, and asked for where it is not", async () => {
    const { store, input, object } = await twoObjects();
    const objects = [store.object(object) as ObjectInfo];
    const delta = await exported(store, [object], { objects, header: { roots: [object], needs: [input] } });
    const to = temporaryStore();
    expect(leftOf(await imported(to, delta))).toEqual({ _tag: "StreamNeeds", missing: [input] });
    rightOf(await imported(to, await exported(store, [input])));
    rightOf(await imported(to, delta));
    expect(readTree(to.physical(object))).toEqual(readTree(store.physical(object)));
  });
});

describe("knowledge", () => {
  const drv = derivation("object-1");
  const believed = (path: StorePath): Realisation => ({ key: contentKey({ drv: drvHash(drv), output: "out" }), path });

  async function withKnowledge(...realisations: Realisation[]): Promise<{ stream: Buffer; object: StorePath }> {
    const { store, object } = await twoObjects();
    const derivations = new Map([[drvHash(drv), drv]]);
    return {
      stream: await exported(store, [object], { derivations, realisations: [believed(object), ...realisations] }),
      object,
    };
  }

  test("derivations prove themselves; realisations are left out unless they are trusted", async () => {
    const { stream, object } = await withKnowledge();
    const to = temporaryStore();
    const wary = rightOf(await imported(to, stream));
    expect([wary.derivations, wary.realisations]).toEqual([1, { ...nothingTaken, left: 1 }]);
    expect(to.derivation(drvHash(drv))).toEqual(drv);
    expect(to.realisation(believed(object).key)).toBeUndefined();
    const trusting = rightOf(await imported(to, stream, { trustRealisations: true }));
    expect([trusting.derivations, trusting.realisations]).toEqual([0, { ...nothingTaken, taken: 1 }]);
    expect(to.realisation(believed(object).key)).toBe(object);
    const again = rightOf(await imported(to, stream, { trustRealisations: true }));
    expect(again.realisations).toEqual({ ...nothingTaken, known: 1 });
  });

  test("a trusted realisation does not replace one that was recorded here", async () => {
    const { stream, object } = await withKnowledge();
    const to = temporaryStore();
    const other = await admitted(to, "other-1", "other");
    rightOf(await to.record([believed(other)])());
    const report = rightOf(await imported(to, stream, { trustRealisations: true }));
    expect(report.realisations).toEqual({ ...nothingTaken, disagreeing: 1 });
    expect(to.realisation(believed(object).key)).toBe(other);
  });

  test("promised bytes prove their realisation, by whatever algorithm", async () => {
    const store = temporaryStore();
    const path = await admitted(store, "source-1", "bytes");
    const sha512 = (await import("node:crypto")).hash("sha512", "bytes");
    const { digest } = store.object(path) as ObjectInfo;
    const key = (algo: string, hex: string, name = "source-1"): Realisation => ({
      key: `fixed:${algo}:${hex}:flat:${name}` as RealisationKey,
      path,
    });
    const good = [key("sha256", digest), key("sha512", sha512)];
    const bad = [key("sha256", "0".repeat(64)), key("sha512", "0".repeat(128)), key("sha512", sha512, "other")];
    const to = temporaryStore();
    const report = rightOf(await imported(to, await exported(store, [path], { realisations: [...good, ...bad] })));
    expect(report.realisations).toEqual({ ...nothingTaken, taken: 2, left: 3 });
    for (const { key } of good) expect(to.realisation(key)).toBe(path);
    for (const { key } of bad) expect(to.realisation(key)).toBeUndefined();
  });
});

describe("a stream that is not whole", () => {
  test("cut anywhere keeps the objects before, and nothing else", async () => {
    const { store, input, object } = await twoObjects();
    const whole = zstdDecompressSync(await exported(store, [object]));
    const outcomes = new Set<string>();
    const step = Math.ceil(whole.length / 16);
    for (let length = 0; length < whole.length; length += step) {
      const to = temporaryStore();
      const cut = leftOf(await imported(to, compressed(whole.subarray(0, length)))) as StreamFailure;
      expect(cut).toEqual({ _tag: "StreamCut" });
      const valid = to.objects();
      outcomes.add(valid.join());
      for (const path of valid) expect(readTree(to.physical(path))).toEqual(readTree(store.physical(path)));
      const onDisk = readdirSync(to.layout.store).filter((name) => name !== ".links");
      expect(onDisk).toHaveLength(valid.length);
    }
    expect(outcomes).toEqual(new Set(["", input]));
  });

  test.each([0, 1, 5, 60])("cut at byte %d of what is compressed", async (length) => {
    const { store, object } = await twoObjects();
    const stream = await exported(store, [object]);
    expect(leftOf(await imported(temporaryStore(), stream.subarray(0, length)))).toEqual({ _tag: "StreamCut" });
  });

  test("no export, a damaged one, one with something behind it", async () => {
    const { store, object } = await twoObjects();
    const stream = await exported(store, [object]);
    const to = temporaryStore();
    expect(await refusal(to, Buffer.from("hello, I am no stream at all"))).toMatch(
      /^it is damaged, or no zstd stream: /,
    );
    expect(await refusal(to, compressed(Buffer.from("hello, I am compressed")))).toBe("it is no export of cab's");
    const damaged = Buffer.from(stream);
    damaged.writeUInt8(damaged.readUInt8(damaged.length - 2) ^ 1, damaged.length - 2);
    expect(await refusal(temporaryStore(), damaged)).toMatch(/checksum/);
    expect(await refusal(temporaryStore(), Buffer.concat([stream, stream]))).toBe("something follows its end");
    expect(await refusal(temporaryStore(), Buffer.concat([stream, Buffer.from("!")]))).toBe(
      "something follows its end",
    );
  });

  test("an object that names itself otherwise than it says is refused by its bytes, and the one before it stays", async () => {
    const { store, input, object } = await twoObjects();
    const whole = zstdDecompressSync(await exported(store, [object]));
    const selfDigest = store.object(object)?.selfDigest as string;
    const forged = Buffer.from(whole.toString("latin1").replace(selfDigest, "0".repeat(64)), "latin1");
    // The record's `self` is computed, never believed.
    const to = temporaryStore();
    rightOf(await imported(to, compressed(forged)));
    expect(to.object(object)?.selfDigest).toBe(selfDigest);

    const other = `${"0".repeat(31)}1`;
    const renamed = Buffer.from(whole.toString("latin1").replaceAll(hashPart(object), other), "latin1");
    const refusing = temporaryStore();
    expect(await refusal(refusing, compressed(renamed))).toMatch(
      /is not the directory that was promised|holds other bytes/,
    );
    expect(refusing.objects()).toEqual([input]);
    expect(leftovers(refusing)).toEqual([]);
  });

  test("a bomb is refused by what it announces, before a byte of it is written", async () => {
    const path = await admitted(temporaryStore(), "bomb-1", "small");
    const store = temporaryStore();
    const digest = "0".repeat(64);
    const info = { path, kind: "file", digest, namingDigest: digest, selfDigest: digest, size: 1e15 } as const;
    const items: readonly (readonly [ItemType, Uint8Array])[] = [
      [ITEM.header, encodeExportHeader({ roots: [], needs: [], objects: 1, bytes: 1e15, knowledge: 0 })],
      [ITEM.object, encodeObjectInfo({ ...info, references: [], deriver: null })],
    ];
    const stream = [exportMagic, ...items.flatMap(([type, payload]) => [itemHead(type, payload.length), payload])];
    expect(leftOf(await imported(store, compressed(Buffer.concat(stream))))).toEqual({
      _tag: "StreamTooLarge",
      what: path,
      bytes: 1e15,
      free: expect.any(Number) as unknown as number,
    });
    expect(leftovers(store)).toEqual([]);
  });

  test("stopped by a signal", async () => {
    const { store, object } = await twoObjects();
    const stream = await exported(store, [object]);
    const to = temporaryStore();
    const failure = leftOf(await imported(to, stream, { signal: AbortSignal.abort() }));
    expect(failure).toEqual({ _tag: "Cancelled" });
    expect(leftovers(to)).toEqual([]);
  });
});

describe("an object that is no longer what was registered", () => {
  test.each([
    ["other bytes", "same bytez", "other bytes than were registered"],
    ["fewer bytes", "same", "4 bytes where 10 were registered"],
  ])("%s end the export", async (_, content, found) => {
    const { store, input, object } = await twoObjects();
    const file = join(store.physical(input), "shared");
    chmodSync(file, 0o644);
    writeFileSync(file, content);
    const sink = new Writable({ write: (_, __, done) => done() });
    const objects = referencesFirst([object], store.object);
    const request = {
      header: { roots: [object], needs: [] },
      objects,
      derivations: new Map<DrvHash, never>(),
      realisations: [],
    };
    const failure = leftOf(await store.exportTo(request, sink, { signal })());
    expect(failure).toEqual({ _tag: "ObjectDiffers", path: input, file: "shared", found });
  });

  test("a missing file is the disk's failure", async () => {
    const { store, input } = await twoObjects();
    chmodSync(store.physical(input), 0o755);
    rmSync(join(store.physical(input), "shared"));
    const sink = new Writable({ write: (_, __, done) => done() });
    const objects = referencesFirst([input], store.object);
    const request = {
      header: { roots: [input], needs: [] },
      objects,
      derivations: new Map<DrvHash, never>(),
      realisations: [],
    };
    expect(leftOf(await store.exportTo(request, sink, { signal })())).toMatchObject({
      _tag: "StoreIo",
      code: "ENOENT",
    });
  });
});

describe("where a reference stands", () => {
  test("files with offsets, link targets, names", async () => {
    const store = temporaryStore();
    const input = await admitted(store, "input-1", "input");
    const drv = derivation("object-1");
    const large = Buffer.alloc(3_000_000, "x");
    large.write(input, 2_500_000);
    const tree = dir({
      a: `${input} and ${input}`,
      large,
      link: { link: `${input}/x` },
      nothing: "else",
      d: dir({ [`${hashPart(input)}.conf`]: "" }),
    });
    const { out } = rightOf(await admitTrees(store, drv, { out: tree }, [input])) as { out: StorePath };
    const places = rightOf(await store.placesOf(input, store.object(out) as ObjectInfo)());
    expect(places.map(({ path, ...place }) => ({ ...place, path: Buffer.from(path).toString() }))).toEqual([
      { path: "a", in: "file", offset: 11 },
      { path: "a", in: "file", offset: 11 + input.length + 5 },
      { path: `d/${hashPart(input)}.conf`, in: "name", offset: 0 },
      { path: "large", in: "file", offset: 2_500_011 },
      { path: "link", in: "symlink", offset: 11 },
    ]);
  });
});

test("equal files take their bytes once", async () => {
  const { store, input, object } = await twoObjects();
  const infos = [input, object].map((path) => store.object(path) as ObjectInfo);
  const { apparent, shared } = rightOf(await store.diskUsage(infos)());
  expect(apparent).toBe(totalSize(infos));
  // `again` is `shared`; `tool` is executable and so a file of its own.
  expect(apparent - shared).toBe("same bytes".length);
});
