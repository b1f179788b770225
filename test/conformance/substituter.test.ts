/** What every binary cache must do, run against each kind of place that one can be in. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { zstdCompressSync } from "node:zlib";
import {
  contentAddressedPath,
  type Directory,
  encodeDirectory,
  type ObjectInfo,
  type ObjectKind,
  type RealisationKey,
  type StorePath,
  type SubstituterPort,
} from "@cab/core";
import { type BlobSink, type BlobSource, directoryBlobs, memoryBlobs, publish, substituter } from "@cab/executor";
import type { Either } from "fp-ts/lib/Either.js";
import { afterAll, describe, expect, test } from "vitest";

const folder = mkdtempSync(`${tmpdir()}/cab-caches-`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Place = BlobSource & BlobSink;

let count = 0;
const places: [string, () => Place][] = [
  ["a directory", () => directoryBlobs(`${folder}/cache-${count++}`)],
  ["memory", () => memoryBlobs(new Map())],
];

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const text = (value: string): Uint8Array => Buffer.from(value);
async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function object(kind: ObjectKind, digest: string, size: number, name = "thing"): ObjectInfo {
  const path = contentAddressedPath({ kind, namingDigest: digest, references: [], selfReferences: [], name });
  return { path, kind, digest, namingDigest: digest, selfDigest: null, size, references: [], deriver: null };
}

const right = <A>(result: Either<unknown, A>): A => {
  if (result._tag === "Left") throw new Error(JSON.stringify(result.left));
  return result.right;
};

const ignore = (): void => {};

/** Puts a blob under a hash, its own unless told otherwise. */
const put = (place: Place, bytes: Uint8Array, hash = sha256(bytes)): Promise<void> =>
  place.put(`cas/${hash.slice(0, 2)}/${hash}.zst`, stream(zstdCompressSync(bytes)));

const digestOf = (bytes: Uint8Array) => ({ hash: sha256(bytes), size: bytes.length });

describe.each(places)("a cache in %s", (_, open) => {
  const opened = (): { place: Place; cache: SubstituterPort } => {
    const place = open();
    return { place, cache: substituter("test", place) };
  };
  const target = (): string => `${folder}/target-${count++}`;

  test("what was published comes back, byte for byte", async () => {
    const { place, cache } = opened();
    const tree = target();
    mkdirSync(`${tree}/bin`, { recursive: true });
    mkdirSync(`${tree}/empty`);
    writeFileSync(`${tree}/bin/run`, "#!/bin/sh\n");
    chmodSync(`${tree}/bin/run`, 0o755);
    writeFileSync(`${tree}/data`, "x".repeat(300_000));
    symlinkSync("/cab/store/elsewhere", `${tree}/link`);
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/caf`), Buffer.from([0xe9])]), "not UTF-8");
    const bin: Directory = {
      files: [{ name: text("run"), digest: digestOf(text("#!/bin/sh\n")), executable: true }],
      directories: [],
      symlinks: [],
    };
    const root: Directory = {
      files: [
        { name: Buffer.from("caf\xe9", "latin1"), digest: digestOf(text("not UTF-8")), executable: false },
        { name: text("data"), digest: digestOf(text("x".repeat(300_000))), executable: false },
      ],
      directories: [
        { name: text("bin"), digest: digestOf(encodeDirectory(bin)) },
        { name: text("empty"), digest: digestOf(new Uint8Array()) },
      ],
      symlinks: [{ name: text("link"), target: text("/cab/store/elsewhere") }],
    };
    const info = object("dir", sha256(encodeDirectory(root)), 300_019);
    const key = "drv:aa:out" as RealisationKey;
    await publish(place, { objects: [{ info, file: tree }], realisations: [{ key, path: info.path }] });

    expect(right(await cache.realisation(key)())).toBe(info.path);
    expect(right(await cache.object(info.path)())).toEqual(info);
    const file = target();
    const progress: [number, number | null][] = [];
    right(await cache.fetch(info, file, (...step) => progress.push(step))());
    expect(readFileSync(`${file}/data`, "utf8")).toBe("x".repeat(300_000));
    expect(statSync(`${file}/bin/run`).mode & 0o100).toBe(0o100);
    expect(statSync(`${file}/data`).mode & 0o100).toBe(0);
    expect(existsSync(Buffer.concat([Buffer.from(`${file}/caf`), Buffer.from([0xe9])]))).toBe(true);
    expect(progress.at(-1)).toEqual([300_019, 300_019]);
    // The tree that came is the tree that went: published again it is known already.
    await publish(open(), { objects: [{ info, file }], realisations: [] });
  });

  test("files that the cache has already are not opened again", async () => {
    const { place } = opened();
    const tree = target();
    mkdirSync(tree);
    for (const name of ["a", "b"]) writeFileSync(`${tree}/${name}`, "shared by both");
    const files = ["a", "b"].map((name) => ({
      name: text(name),
      digest: digestOf(text("shared by both")),
      executable: false,
    }));
    const info = object("dir", sha256(encodeDirectory({ files, directories: [], symlinks: [] })), 28);
    await publish(place, { objects: [{ info, file: tree }], realisations: [] });
    const open = readdirSync("/proc/self/fd").flatMap((fd) => {
      const link = `/proc/self/fd/${fd}`;
      return existsSync(link) && readlinkSync(link).startsWith(tree) ? [readlinkSync(link)] : [];
    });
    expect(open).toEqual([]);
  });

  test.each<ObjectKind>(["file", "exec", "symlink"])("an object that is a %s", async (kind) => {
    const { place, cache } = opened();
    const [from, to] = [target(), target()];
    if (kind === "symlink") symlinkSync("content", from);
    else writeFileSync(from, "content", { mode: kind === "exec" ? 0o755 : 0o644 });
    const info = object(kind, sha256("content"), kind === "symlink" ? 0 : 7);
    await publish(place, { objects: [{ info, file: from }], realisations: [] });
    right(await cache.fetch(info, to, ignore)());
    await publish(open(), { objects: [{ info, file: to }], realisations: [] });
  });

  test("what is not there is undefined, not an error", async () => {
    const { cache } = opened();
    const { path } = object("file", sha256("x"), 1);
    expect(right(await cache.realisation("drv:bb:out" as RealisationKey)())).toBe(undefined);
    expect(right(await cache.object(path)())).toBe(undefined);
  });

  describe("gives what was not promised", () => {
    const rejected = (path: StorePath, reason: unknown) => ({
      _tag: "Left",
      left: { _tag: "SubstituteRejected", substituter: "test", path, reason },
    });

    /** Fetches an object whose root is this message. */
    async function fetchRoot(fill: (place: Place) => Promise<void>, root: Directory | Uint8Array, size: number) {
      const { place, cache } = opened();
      const message = root instanceof Uint8Array ? root : encodeDirectory(root);
      await put(place, message);
      await fill(place);
      const info = object("dir", sha256(message), size);
      return { info, result: await cache.fetch(info, target(), ignore)() };
    }

    const rootOf = (name: string, digest: { hash: string; size: number }): Directory => ({
      files: [{ name: text(name), digest, executable: false }],
      directories: [],
      symlinks: [],
    });
    const blob = text("content");

    test("a blob of other bytes, too many, too few, none, or no zstd", async () => {
      const { hash } = digestOf(blob);
      const name = `cas/${hash.slice(0, 2)}/${hash}.zst`;
      const cases: [(place: Place) => Promise<void>, unknown][] = [
        [(place) => put(place, text("CONTENT"), hash), `${name} holds bytes of the digest ${sha256("CONTENT")}`],
        [(place) => put(place, text("content and more"), hash), `${name} holds more than the 7 bytes promised`],
        [(place) => put(place, Buffer.alloc(50_000_000), hash), `${name} holds more than the 7 bytes promised`],
        [(place) => put(place, text("con"), hash), `${name} holds 3 bytes, expected 7`],
        [async () => {}, `${name} is missing`],
        [(place) => place.put(name, stream(text("not zstd"))), expect.stringContaining(`${name} is no zstd stream`)],
        [
          (place) => place.put(name, stream(zstdCompressSync(blob).subarray(0, 8))),
          expect.stringMatching(/is no zstd stream|bytes, expected 7/),
        ],
      ];
      for (const [fill, reason] of cases) {
        const { info, result } = await fetchRoot(fill, rootOf("f", digestOf(blob)), 7);
        expect(result).toEqual(rejected(info.path, reason));
      }
    });

    test("sizes other than the record's", async () => {
      for (const size of [6, 8]) {
        const { info, result } = await fetchRoot((place) => put(place, blob), rootOf("f", digestOf(blob)), size);
        expect(result).toEqual(rejected(info.path, expect.stringContaining(`${size}`)));
      }
    });

    test.each(["../out", "a/b", "..", ".", "", "a\0b", "n".repeat(256)])("a name that cannot be: %j", async (name) => {
      const { info, result } = await fetchRoot((place) => put(place, blob), rootOf(name, digestOf(blob)), 7);
      expect(result).toEqual(rejected(info.path, `${info.digest} is no canonical Directory message`));
      expect(existsSync(`${folder}/out`)).toBe(false);
    });

    test.each(["", "a\0b", "n".repeat(4096)])(
      "a link, the whole object, with a target that cannot be: %j",
      async (to) => {
        const { place, cache } = opened();
        await put(place, text(to));
        const info = object("symlink", sha256(to), 0);
        expect(await cache.fetch(info, target(), ignore)()).toEqual(rejected(info.path, expect.any(String)));
      },
    );

    test("a link among others with a target that cannot be", async () => {
      for (const to of ["", "a\0b", "n".repeat(4096)]) {
        const root = { files: [], directories: [], symlinks: [{ name: text("l"), target: text(to) }] };
        const { info, result } = await fetchRoot(async () => {}, root, 0);
        expect(result).toEqual(rejected(info.path, expect.any(String)));
      }
    });

    test("a message that is none", async () => {
      const { info, result } = await fetchRoot(async () => {}, text("<html>"), 0);
      expect(result).toEqual(rejected(info.path, `${info.digest} is no canonical Directory message`));
    });

    test("an endless tree from few messages", async () => {
      const { place, cache } = opened();
      let below: Directory = { files: [], directories: [], symlinks: [] };
      let message = encodeDirectory(below);
      for (let depth = 0; depth < 40; depth++) {
        await put(place, message);
        const digest = digestOf(message);
        below = { ...below, directories: ["a", "b"].map((name) => ({ name: text(name), digest })) };
        message = encodeDirectory(below);
      }
      await put(place, message);
      const info = object("dir", sha256(message), 0);
      const few = substituter("test", place, { entries: 1000 });
      expect(await few.fetch(info, target(), ignore)()).toEqual(rejected(info.path, "it has more than 1000 entries"));
      expect(cache.name).toBe("test");
    });

    test("a record of another object, or one that does not give its path", async () => {
      const { place, cache } = opened();
      const [info, other] = [object("file", sha256("a"), 1), object("file", sha256("b"), 1)];
      const file = target();
      writeFileSync(file, "b");
      await publish(place, { objects: [{ info: other, file }], realisations: [] });
      const name = (path: StorePath): string => `objects/${path.slice("/cab/store/".length).slice(0, 32)}`;
      const record = await place.get(name(other.path));
      if (record !== undefined) await place.put(name(info.path), record);
      const reason = "its record is damaged, or does not give this path";
      expect(await cache.object(info.path)()).toEqual(rejected(info.path, reason));
      await place.put(name(info.path), stream(text("l9:garbage")));
      expect(await cache.object(info.path)()).toEqual(rejected(info.path, reason));
      await place.put(name(info.path), stream(Buffer.alloc(5_000_000)));
      expect(await cache.object(info.path)()).toEqual(
        rejected(info.path, `${name(info.path)} is longer than 4194304 bytes`),
      );
    });

    test("a realisation of another key", async () => {
      const { place, cache } = opened();
      const [key, other] = ["drv:aa:out", "drv:bb:out"] as [RealisationKey, RealisationKey];
      const { path } = object("file", sha256("a"), 1);
      await publish(place, { objects: [], realisations: [{ key: other, path }] });
      const record = await place.get(`realisations/${sha256(other)}`);
      if (record !== undefined) await place.put(`realisations/${sha256(key)}`, record);
      const message = `realisations/${sha256(key)} is no realisation of ${key}`;
      expect(await cache.realisation(key)()).toEqual({
        _tag: "Left",
        left: { _tag: "SubstituterIo", substituter: "test", message },
      });
    });
  });
});
