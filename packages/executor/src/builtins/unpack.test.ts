import { readdirSync, writeFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { BZIP2, deb, paxTar, type TarEntry, tar, XZ, ZIP, ZIP_SLIP, ZIP64 } from "../testing/archives.ts";
import { resultOf, rig } from "../testing/rig.ts";

const { build, close, folder, input } = rig();
afterAll(close);

let count = 0;
/** Unpacks archives, given as bytes. */
function unpack(archives: readonly Uint8Array[], env: Record<string, string> = {}) {
  const sources = archives.map((bytes) => {
    const file = `${folder}/archive-${count++}`;
    writeFileSync(file, bytes);
    return input("archive", file);
  });
  return build({ builder: "builtin:unpack@1", env: { sources: JSON.stringify(sources), ...env } });
}

const unpackTar = (entries: readonly TarEntry[], env?: Record<string, string>) => unpack([tar(entries)], env);
const hello = tar([{ name: "d/x", text: "hello\n" }]);
const helloTree = { d: { x: "hello\n" } };

describe("formats", () => {
  test.each([
    ["tar", hello],
    ["gzip", gzipSync(hello)],
    ["two gzip members", Buffer.concat([gzipSync(hello.subarray(0, 300)), gzipSync(hello.subarray(300))])],
    ["zstd", zstdCompressSync(hello)],
    ["xz", XZ],
    ["bzip2", BZIP2],
    ["deb of gzip", deb(gzipSync(hello))],
    ["deb of xz", deb(XZ, "data.tar.xz")],
    ["deb of nothing", deb(hello, "data.tar")],
  ])("%s", async (_, archive) => {
    expect(resultOf(await unpack([archive]))).toEqual(helloTree);
  });

  test("zip", async () => {
    expect(resultOf(await unpack([ZIP]))).toEqual({ d: { "x*": "hello\n".repeat(10), l: "-> x", e: null } });
    expect(resultOf(await unpack([ZIP64]))).toEqual({ big: "zip64" });
  });

  test("several xz archives at once: the library decodes one at a time", async () => {
    const results = await Promise.all([1, 2, 3].map(() => unpack([XZ, XZ])));
    expect(results.map(resultOf)).toEqual([helloTree, helloTree, helloTree]);
  });

  test("long names and names beyond ASCII, by pax headers", async () => {
    const long = `${"d".repeat(120)}/${"f".repeat(120)}`;
    const result = await unpack([await paxTar({ [long]: "L", "é/ü": "U" })]);
    expect(resultOf(result)).toEqual({ ["d".repeat(120)]: { ["f".repeat(120)]: "L" }, é: { ü: "U" } });
  });
});

describe("placement", () => {
  test("strip drops leading components", async () => {
    const entries = [
      { name: "top/", type: "5" },
      { name: "top/a/b", text: "B" },
      { name: "README", text: "R" },
    ];
    expect(resultOf(await unpackTar(entries, { strip: "1" }))).toEqual({ a: { b: "B" } });
  });

  test("mergeUsr moves directories, their links and hard links", async () => {
    const entries = [
      { name: "./", type: "5" },
      { name: "./bin/", type: "5" },
      { name: "./bin/sh", text: "SH", mode: 0o755 },
      { name: "./bin/up", type: "2", target: "../etc/x" },
      { name: "./lib/x86/same", type: "2", target: "other" },
      { name: "./lib/x86/deep", type: "2", target: "../../usr/y" },
      { name: "./lib64/ld.so", type: "2", target: "/lib/x86/ld.so" },
      { name: "./usr/bin/hard", type: "1", target: "./bin/sh" },
      { name: "./sbin", type: "2", target: "usr/sbin" },
    ];
    expect(resultOf(await unpackTar(entries, { mergeUsr: "1" }))).toEqual({
      bin: "-> usr/bin",
      lib: "-> usr/lib",
      lib64: "-> usr/lib64",
      sbin: "-> usr/sbin",
      usr: {
        bin: { "hard*": "SH", "sh*": "SH", up: "-> ../../etc/x" },
        lib: { x86: { same: "-> other", deep: "-> ../../../usr/y" } },
        lib64: { "ld.so": "-> /lib/x86/ld.so" },
        sbin: null,
      },
    });
  });

  test("exclude prunes paths and simple globs", async () => {
    const names = ["usr/share/doc/a", "usr/share/docs", "usr/bin/x-lto-dump-12", "usr/bin/x", "var/y"];
    const exclude = JSON.stringify(["usr/share/doc", "usr/bin/*lto-dump*", "/var/"]);
    expect(
      resultOf(
        await unpackTar(
          names.map((name) => ({ name })),
          { exclude },
        ),
      ),
    ).toEqual({
      usr: { bin: { x: "" }, share: { docs: "" } },
    });
  });

  test("a later archive wins for files and links, directories merge", async () => {
    const first = tar([
      { name: "d/a", text: "1" },
      { name: "d/b", text: "1" },
      { name: "l", type: "2", target: "d/a" },
    ]);
    const second = tar([
      { name: "d/b", text: "2" },
      { name: "l", text: "no link", mode: 0o755 },
    ]);
    expect(resultOf(await unpack([first, second]))).toEqual({ d: { a: "1", b: "2" }, "l*": "no link" });
  });

  test("replacing one name of a hard link leaves the other alone", async () => {
    const entries = [
      { name: "a", text: "1" },
      { name: "b", type: "1", target: "a" },
      { name: "a", text: "2" },
    ];
    expect(resultOf(await unpackTar(entries))).toEqual({ a: "2", b: "1" });
  });

  test("a name that is not UTF-8 keeps its bytes", async () => {
    const result = await unpackTar([{ name: "caf\xe9" }]);
    const names = result._tag === "Right" ? readdirSync(result.right, { encoding: "buffer" }) : [];
    expect(names.map((name) => name.toString("latin1"))).toEqual(["caf\xe9"]);
  });
});

describe("hostile archives", () => {
  const out = "its name leads out of the tree, or cannot be a name";
  test.each<[string, readonly TarEntry[], string, string]>([
    ["a name that climbs", [{ name: "../x" }], "../x", out],
    ["a name that climbs later", [{ name: "a/../../x" }], "a/../../x", out],
    ["an absolute name", [{ name: "/etc/passwd" }], "/etc/passwd", out],
    [
      "writing through a link",
      [{ name: "l", type: "2", target: "/tmp" }, { name: "l/x" }],
      "l/x",
      "it would be written through l, a symlink",
    ],
    [
      "writing deep below a link",
      [{ name: "l", type: "2", target: "/tmp" }, { name: "l/m/x" }],
      "l",
      "it is a directory here, and a symlink stands under this name already",
    ],
    ["a hard link to the host", [{ name: "h", type: "1", target: "/etc/passwd" }], "/etc/passwd", out],
    [
      "a hard link to nothing",
      [{ name: "h", type: "1", target: "x" }],
      "h",
      "it is a hard link to x, no file before it",
    ],
    [
      "a hard link to a link",
      [
        { name: "l", type: "2", target: "/etc/passwd" },
        { name: "h", type: "1", target: "l" },
      ],
      "h",
      "it is a hard link to l, no file before it",
    ],
    ["a device", [{ name: "null", type: "3" }], "null", "it is a device, which no store object can hold"],
    ["a fifo", [{ name: "f", type: "6" }], "f", "it is a fifo, which no store object can hold"],
    [
      "a sparse file",
      [{ name: "s", type: "S" }],
      "s",
      "it is an entry of an unknown kind, which no store object can hold",
    ],
    [
      "a setuid program",
      [{ name: "su", mode: 0o4755 }],
      "su",
      'it is set-user-id or set-group-id; leave it out by "exclude"',
    ],
  ])("%s", async (_, entries, entry, reason) => {
    const result = resultOf(await unpackTar(entries));
    expect(result).toMatchObject({ _tag: "BadArchive", entry, reason });
  });

  test("a setgid directory is only a directory", async () => {
    expect(resultOf(await unpackTar([{ name: "d/", type: "5", mode: 0o2755 }]))).toEqual({ d: null });
  });

  test("a zip that climbs", async () => {
    expect(resultOf(await unpack([ZIP_SLIP]))).toMatchObject({ _tag: "BadArchive", entry: "../x", reason: out });
  });

  test("a zip with a wrong checksum", async () => {
    const damaged = Buffer.from(ZIP64);
    damaged.write("ZIP64", damaged.indexOf("zip64"));
    expect(resultOf(await unpack([damaged]))).toMatchObject({ _tag: "BadArchive", reason: "its checksum is wrong" });
  });

  test.each([
    ["gzip", gzipSync(hello)],
    ["zstd", zstdCompressSync(hello)],
    ["xz", XZ],
    ["bzip2", BZIP2],
    ["zip", ZIP],
    ["deb", deb(gzipSync(hello))],
  ])("%s cut short anywhere", async (_, archive) => {
    for (let length = 1; length < archive.length; length += Math.max(1, Math.floor(archive.length / 25))) {
      expect(resultOf(await unpack([archive.subarray(0, length)]))).toMatchObject({ _tag: "BadArchive" });
    }
  });

  test("tar cut short in a file, and between two", async () => {
    const archive = tar([{ name: "a", text: "x".repeat(600) }, { name: "b" }], Buffer.alloc(0));
    for (const length of [700, 512 + 1024, archive.length]) {
      expect(resultOf(await unpack([archive.subarray(0, length)]))).toMatchObject({ _tag: "BadArchive" });
    }
  });

  test("bombs", async () => {
    const zeros = gzipSync(tar([{ name: "zeros", text: "\0".repeat(80 * 2 ** 20) }]), { level: 9 });
    expect(resultOf(await unpack([zeros]))).toMatchObject({
      _tag: "BadArchive",
      reason: 'it unpacks to more than 400 times its size (limit "maxRatio")',
    });
    expect(resultOf(await unpack([hello], { maxBytes: "1000" }))).toMatchObject({
      reason: 'it unpacks to more than 1000 bytes (limit "maxBytes")',
    });
    const many = tar(Array.from({ length: 11 }, (_, i) => ({ name: `f${i}` })));
    expect(resultOf(await unpack([many], { maxEntries: "10" }))).toMatchObject({
      reason: 'it holds more than 10 entries (limit "maxEntries")',
    });
  });

  test("cancelling stops in the middle of a file", async () => {
    const controller = new AbortController();
    const big = tar([{ name: "a" }, { name: "zeros", text: "\0".repeat(20 * 2 ** 20) }]);
    writeFileSync(`${folder}/archive-big`, big);
    const env = { sources: JSON.stringify([input("big", `${folder}/archive-big`)]) };
    const pending = build({ builder: "builtin:unpack@1", env }, { signal: controller.signal });
    setImmediate(() => controller.abort());
    expect(resultOf(await pending)).toEqual({ _tag: "Cancelled" });
  });

  test("bytes of no format", async () => {
    expect(resultOf(await unpack([Buffer.from("<html>captive portal</html>")]))).toMatchObject({
      _tag: "BadArchive",
      entry: null,
      reason: "it is none of deb, tar, tar.gz, tar.xz, tar.bz2, tar.zst, zip",
    });
  });
});

describe("properties", () => {
  const outside = (): unknown => readdirSync(folder).filter((name) => !/^(archive-|scratch-)/.test(name));

  test("arbitrary bytes, and archives with bytes changed, unpack or are refused, and write nothing outside", async () => {
    const seeds = [
      hello,
      gzipSync(hello),
      zstdCompressSync(hello),
      XZ,
      BZIP2,
      ZIP,
      ZIP64,
      deb(gzipSync(hello)),
      Buffer.alloc(0),
    ];
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    const damaged = fc.tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 8 })).map(([seed, changes]) => {
      const bytes = Buffer.from(seed);
      for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(damaged, fc.uint8Array({ maxLength: 2000 })), async (bytes) => {
        const result = await unpack([bytes]);
        if (result._tag === "Left") expect(result.left._tag).toBe("BadArchive");
        expect(outside()).toEqual([]);
      }),
      { numRuns: 600 },
    );
  });

  test("arbitrary tar entries write nothing outside, and never through a link", async () => {
    const name = fc
      .array(fc.constantFrom("a", "b", "l", "..", ".", "", "lib", "usr"), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join("/"));
    const entry = fc.record({
      name,
      type: fc.constantFrom("0", "1", "2", "5", "5"),
      text: fc.constantFrom("", "content"),
      target: fc.oneof(name, fc.constantFrom("/tmp", "../../..", folder)),
    });
    const env = fc.constantFrom<Record<string, string>>({}, { strip: "1" }, { mergeUsr: "1" });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 12 }), env, async (entries, options) => {
        const result = await unpackTar(entries, options);
        if (result._tag === "Left") expect(result.left._tag).toBe("BadArchive");
        expect(outside()).toEqual([]);
      }),
      { numRuns: 600 },
    );
  });
});
