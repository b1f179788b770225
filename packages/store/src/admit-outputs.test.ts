import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  hashPart,
  predictedPath,
  type ResolvedDerivation,
  type Scratch,
  type StorePath,
  scratchPath,
  sha256Hex,
} from "@cab/core";
import { describe, expect, test } from "vitest";
import { OBJECT_TIME } from "./add-tree.ts";
import type { Store } from "./store.ts";
import {
  admission,
  admitTrees,
  contentAddressed,
  derivation,
  dir,
  leftOf,
  outputFile,
  readTree,
  rightOf,
  type Tree,
  temporaryStore,
} from "./testing/rig.ts";

const self = (name: string, output = "out"): string => scratchPath(name, output);

/** Admits what `build` puts into the scratch directory. */
async function admitBuilt(store: Store, drv: ResolvedDerivation, build: (scratch: Scratch) => void | Promise<void>) {
  const scratch = rightOf(await store.openScratch(drv.name)());
  await build(scratch);
  return store.admitOutputs(admission(scratch, drv))();
}

async function admitted(store: Store, name: string, tree: Tree, inputs: readonly StorePath[] = []): Promise<StorePath> {
  return rightOf(await admitTrees(store, derivation(name), { out: tree }, inputs)).out as StorePath;
}

const HELLO = dir({
  bin: dir({ hello: { exec: `#!${self("hello-1")}/bin/sh\n` }, hi: { link: `${self("hello-1")}/bin/hello` } }),
  empty: dir({}),
  readme: "hello\n",
  same: { link: "readme" },
});

describe("store paths", () => {
  // A change of any of these rebuilds everything, and needs a line in the CHANGELOG that says why.
  test.each<[string, Tree, string]>([
    ["file-1", "text\n", "/cab/store/4a317prgg3nikk5k8qjk53swys7j13a7-file-1"],
    ["exec-1", { exec: "#!/bin/sh\n" }, "/cab/store/qkbda2hk94bvyn9p52k9x4w6gg4k3im9-exec-1"],
    ["link-1", { link: "/nowhere" }, "/cab/store/rgfxvi1n4nr240zfgz53h6dqzksfz9rn-link-1"],
    ["empty-1", dir({}), "/cab/store/l3h1ypf6y9hbsjki4na4c0zzh4mjhg7i-empty-1"],
    [
      "plain-1",
      dir({ a: "1", b: dir({ c: { exec: "2" } }), d: { link: "a" } }),
      "/cab/store/jqjy12w09ybqqmkrpjhz92g9mnc66dda-plain-1",
    ],
    ["hello-1", HELLO, "/cab/store/83nm6fapv3dwj8szclnsjpns897zgwh5-hello-1"],
    ["self-file-1", `I am ${self("self-file-1")}`, "/cab/store/8q1zcifd5vm0ypcn16fm7ydqjd720iw8-self-file-1"],
    ["self-link-1", { link: self("self-link-1") }, "/cab/store/kylmy5nnlgrvdlmcahb52lz9913f50ir-self-link-1"],
  ])("%s", async (name, tree, path) => {
    expect(await admitted(temporaryStore(), name, tree)).toBe(path);
  });

  test("the bytes name the final path", async () => {
    const store = temporaryStore();
    const path = await admitted(store, "hello-1", HELLO);
    const read = readTree(store.physical(path));
    expect(read).toEqual(
      dir({
        bin: dir({ hello: { exec: `#!${path}/bin/sh\n` }, hi: { link: `${path}/bin/hello` } }),
        empty: dir({}),
        readme: "hello\n",
        same: { link: "readme" },
      }),
    );
  });

  test("do not follow from the order in which a tree was made", async () => {
    const names = ["b", "a", "é", "Z", "\u{1f600}", "\uffee"];
    const tree = (order: string[]): Tree => dir(Object.fromEntries(order.map((name) => [name, name])));
    const paths = [names, [...names].reverse()].map((order) => admitted(temporaryStore(), "order-1", tree(order)));
    const [first, second] = await Promise.all(paths);
    expect(first).toBe(second);
  });

  test("keep names that are not UTF-8", async () => {
    const store = temporaryStore();
    const drv = derivation("latin-1");
    const name = Buffer.from("caf\xe9", "latin1");
    const paths = await admitBuilt(store, drv, (scratch) => {
      mkdirSync(outputFile(scratch, drv));
      writeFileSync(Buffer.concat([Buffer.from(`${outputFile(scratch, drv)}/`), name]), "x");
    });
    const info = store.object(rightOf(paths).out as StorePath);
    expect(store.directory(info?.digest ?? "")?.files.map((file) => Buffer.from(file.name))).toEqual([name]);
  });
});

describe("an admitted object", () => {
  test("has canonical modes and times, whatever the builder set", async () => {
    const store = temporaryStore();
    const drv = derivation("modes-1");
    const paths = await admitBuilt(store, drv, (scratch) => {
      const out = outputFile(scratch, drv);
      mkdirSync(join(out, "locked"), { recursive: true });
      for (const [name, mode] of [
        ["a", 0o600],
        ["b", 0o711],
        ["c", 0o000],
        ["d", 0o666],
      ] as const) {
        writeFileSync(join(out, "locked", name), name);
        chmodSync(join(out, "locked", name), mode);
      }
      symlinkSync("a", join(out, "locked/link"));
      utimesSync(join(out, "locked/a"), 5, 5);
      chmodSync(join(out, "locked"), 0o2000);
      chmodSync(out, 0o500);
    });
    const root = store.physical(rightOf(paths).out as StorePath);
    const found = ["", "locked", "locked/a", "locked/b", "locked/c", "locked/d", "locked/link"].map((name) => {
      const { mode, mtimeMs } = lstatSync(join(root, name));
      return [name, name.endsWith("link") ? "link" : (mode & 0o7777).toString(8), mtimeMs / 1000];
    });
    expect(found).toEqual([
      ["", "555", OBJECT_TIME],
      ["locked", "555", OBJECT_TIME],
      ["locked/a", "444", OBJECT_TIME],
      ["locked/b", "555", OBJECT_TIME],
      ["locked/c", "444", OBJECT_TIME],
      ["locked/d", "444", OBJECT_TIME],
      ["locked/link", "link", OBJECT_TIME],
    ]);
  });

  test("refers to the inputs that it names, in bytes, targets and file names, and to no other", async () => {
    const store = temporaryStore();
    const inputs: StorePath[] = [];
    for (const name of ["in-bytes", "in-target", "in-name", "unused"]) inputs.push(await admitted(store, name, name));
    const [bytes, target, name, unused] = inputs as [StorePath, StorePath, StorePath, StorePath];
    const tree = dir({ file: `path ${bytes}/x`, link: { link: target }, [hashPart(name)]: "", gone: "-" });
    const path = await admitted(store, "refers-1", tree, inputs);
    expect(store.object(path)?.references).toEqual([bytes, target, name].sort());
    expect(inputs.map((input) => store.referrers(input))).toEqual([[path], [path], [path], []]);
    expect(unused).toContain("unused");
  });

  test("is the same one when it is built again, and nothing is left behind", async () => {
    const store = temporaryStore();
    const first = await admitted(store, "hello-1", HELLO);
    const inode = statSync(store.physical(first)).ino;
    expect(await admitted(store, "hello-1", HELLO)).toBe(first);
    expect(statSync(store.physical(first)).ino).toBe(inode);
    expect(readdirSync(store.layout.store).sort()).toEqual([".links", first.slice("/cab/store/".length)]);
  });

  test("replaces a tree of its name that was never registered", async () => {
    const store = temporaryStore();
    const path = await admitted(temporaryStore(), "hello-1", HELLO);
    mkdirSync(join(store.physical(path), "half"), { recursive: true });
    chmodSync(store.physical(path), 0o555);
    expect(store.object(path)).toBeUndefined();
    expect(await admitted(store, "hello-1", HELLO)).toBe(path);
    expect(readdirSync(store.physical(path)).sort()).toEqual(["bin", "empty", "readme", "same"]);
  });

  test("is known under the resolved derivation, its derivers and the promised digest", async () => {
    const store = temporaryStore();
    const deriver = "c".repeat(64) as ReturnType<typeof admission>["drvHash"];
    const digest = sha256Hex("bytes");
    const drv = derivation("known-1", {
      outputs: { ...contentAddressed("out"), src: { _tag: "FixedOutput", algo: "sha256", digest, mode: "flat" } },
    });
    const scratch = rightOf(await store.openScratch(drv.name)());
    writeFileSync(outputFile(scratch, drv), "out");
    writeFileSync(outputFile(scratch, drv, "src"), "bytes");
    const request = { ...admission(scratch, drv), derivers: [deriver], seconds: 2.5 };
    const paths = rightOf(await store.admitOutputs(request)());
    const keys = [`drv:${request.drvHash}:out`, `drv:${deriver}:out`, `fixed:sha256:${digest}:flat:known-1-src`];
    expect(keys.map((key) => store.realisation(key as never))).toEqual([paths.out, paths.out, paths.src]);
    expect(store.derivation(request.drvHash)).toEqual(drv);
    expect(store.buildSeconds("known-1")).toBe(2.5);
  });

  test.skipIf(process.getuid?.() !== 0)("belongs to root where builders run as another user (needs root)", async () => {
    const store = temporaryStore({ builder: { uid: 30_001, gid: 30_000 } });
    const drv = derivation("owned-1");
    const scratch = rightOf(await store.openScratch(drv.name)());
    const places = [scratch.storeDir, scratch.buildDir].map((directory) => lstatSync(directory));
    expect(places.map(({ uid, gid }) => [uid, gid])).toEqual([
      [30_001, 30_000],
      [30_001, 30_000],
    ]);
    const out = outputFile(scratch, drv);
    const script = `mkdir $0 $0/d && echo x > $0/d/f && ln -s f $0/d/l && echo ${self("owned-1")} > $0/d/self`;
    execFileSync("setpriv", ["--reuid=30001", "--regid=30000", "--clear-groups", "sh", "-c", script, out]);
    const root = store.physical(rightOf(await store.admitOutputs(admission(scratch, drv))()).out as StorePath);
    const owners = ["", "d", "d/f", "d/l", "d/self"].map((name) => lstatSync(join(root, name)).uid);
    expect(owners).toEqual([0, 0, 0, 0, 0]);
  });
});

describe("the pool", () => {
  test("gives equal files one inode, within a tree and between objects", async () => {
    const store = temporaryStore();
    const tree = dir({ a: "same", b: "same", x: { exec: "same" } });
    const first = store.physical(await admitted(store, "pool-1", tree));
    const second = store.physical(await admitted(store, "pool-2", tree));
    const inode = (file: string): number => lstatSync(file).ino;
    const files = [`${first}/a`, `${first}/b`, `${second}/a`, `${second}/b`].map(inode);
    expect(new Set(files).size).toBe(1);
    expect(inode(`${first}/x`)).toBe(inode(`${second}/x`));
    expect(inode(`${first}/x`)).not.toBe(files[0]);
    const digest = sha256Hex("same");
    expect(readdirSync(store.layout.links).sort()).toEqual([digest, `${digest}.x`]);
  });

  test("an entry of the wrong size is replaced, not linked to", async () => {
    const store = temporaryStore();
    const entry = join(store.layout.links, sha256Hex("whole"));
    writeFileSync(entry, "");
    const path = await admitted(store, "damaged-1", "whole");
    expect(readFileSync(store.physical(path), "utf8")).toBe("whole");
    expect(lstatSync(entry).ino).toBe(lstatSync(store.physical(path)).ino);
  });

  test("a hard link to the outside is replaced by a copy, and the outside stays as it is", async () => {
    const store = temporaryStore();
    const drv = derivation("linked-1");
    const outside = join(store.layout.root, "outside");
    writeFileSync(outside, `mine, at ${self("linked-1")}`, { mode: 0o640 });
    const before = lstatSync(outside);
    const paths = await admitBuilt(store, drv, (scratch) => {
      mkdirSync(outputFile(scratch, drv));
      for (const name of ["a", "b"]) linkSync(outside, join(outputFile(scratch, drv), name));
    });
    const root = store.physical(rightOf(paths).out as StorePath);
    expect(readFileSync(outside, "utf8")).toBe(`mine, at ${self("linked-1")}`);
    const { mode, mtimeMs, ino } = lstatSync(outside);
    expect([mode, mtimeMs]).toEqual([before.mode, before.mtimeMs]);
    expect([lstatSync(join(root, "a")).ino, lstatSync(join(root, "b")).ino]).not.toContain(ino);
    const path = rightOf(paths).out as StorePath;
    expect(readFileSync(join(root, "b"), "utf8")).toBe(`mine, at ${path}`);
  });

  test("a file that is one of its own already stays", async () => {
    const store = temporaryStore();
    const first = store.physical(await admitted(store, "first-1", "shared"));
    const drv = derivation("second-1");
    const paths = await admitBuilt(store, drv, (scratch) => {
      mkdirSync(outputFile(scratch, drv));
      linkSync(first, join(outputFile(scratch, drv), "a"));
      linkSync(first, join(outputFile(scratch, drv), "b"));
    });
    const root = store.physical(rightOf(paths).out as StorePath);
    expect(readdirSync(root).map((name) => lstatSync(join(root, name)).ino)).toEqual([
      lstatSync(first).ino,
      lstatSync(first).ino,
    ]);
  });
});

describe("several outputs", () => {
  test("are named in the order of their references", async () => {
    const store = temporaryStore();
    const drv = derivation("multi-1", { outputs: contentAddressed("out", "dev", "doc") });
    const of = (output: string): string => self("multi-1", output);
    const trees = {
      out: dir({ lib: `${of("out")} ${of("dev")}` }),
      dev: dir({ self: of("dev"), link: { link: of("doc") } }),
      doc: dir({ page: "text" }),
    };
    const paths = rightOf(await admitTrees(store, drv, trees));
    const { out, dev, doc } = paths as Record<"out" | "dev" | "doc", StorePath>;
    expect([out, dev, doc].map((path) => store.object(path)?.references)).toEqual([[dev], [doc], []]);
    expect([out, dev, doc].map((path) => readTree(store.physical(path)))).toEqual([
      dir({ lib: `${out} ${dev}` }),
      dir({ self: dev, link: { link: doc } }),
      dir({ page: "text" }),
    ]);
  });

  test("a circle is refused", async () => {
    const drv = derivation("circle-1", { outputs: contentAddressed("out", "dev", "doc") });
    const of = (output: string): string => self("circle-1", output);
    const trees = { out: of("doc"), dev: of("out"), doc: of("dev") };
    const failure = leftOf(await admitTrees(temporaryStore(), drv, trees));
    expect(failure).toEqual({ _tag: "OutputCycle", cycle: ["dev", "out", "doc", "dev"] });
  });

  test("all that are missing are named", async () => {
    const drv = derivation("missing-1", { outputs: contentAddressed("out", "dev", "doc") });
    const failure = leftOf(await admitTrees(temporaryStore(), drv, { dev: "x" }));
    expect(failure).toEqual({ _tag: "OutputMissing", outputs: ["doc", "out"] });
  });
});

describe("refusals", () => {
  const faultsOf = (failure: ReturnType<typeof leftOf>): unknown =>
    (failure as { faults: readonly { output: string; file: string; found: string }[] }).faults
      .map(({ output, file, found }) => `${output} ${file}: ${found}`)
      .sort();

  test("what no object holds, all of it at once", async () => {
    const store = temporaryStore();
    const drv = derivation("bad-1");
    const refused = await admitBuilt(store, drv, async (scratch) => {
      const out = outputFile(scratch, drv);
      mkdirSync(out);
      for (const [name, mode] of [
        ["setuid", 0o4755],
        ["setgid", 0o2755],
        ["sticky", 0o1644],
      ] as const) {
        writeFileSync(join(out, name), "");
        chmodSync(join(out, name), mode);
      }
      execFileSync("mkfifo", [join(out, "pipe")]);
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(join(out, "s"), resolve));
      // The socket's file must outlive the server.
      linkSync(join(out, "s"), join(out, "socket"));
      await new Promise((resolve) => server.close(resolve));
      writeFileSync(join(out, `x-${hashPart(scratchPath("bad-1", "out"))}`), "");
    });
    expect(faultsOf(leftOf(refused))).toEqual([
      "out pipe: a named pipe",
      "out setgid: mode 2755",
      "out setuid: mode 4755",
      "out socket: a socket",
      "out sticky: mode 1644",
      `out x-${hashPart(scratchPath("bad-1", "out"))}: a name that holds the build's own path`,
    ]);
    expect(readdirSync(store.layout.links)).toEqual([]);
  });

  test("a piece of the scratch hash, as gcc leaves it", async () => {
    const hash = hashPart(scratchPath("pieces-1", "out"));
    const tree = dir({
      bin: dir({ a: `${hash}\0\0${hash.slice(5, 13)}\xc7${hash.slice(13, 21)}` }),
      b: hash.slice(0, 7),
    });
    const failure = leftOf(await admitTrees(temporaryStore(), derivation("pieces-1"), { out: tree }));
    expect(faultsOf(failure)).toEqual([
      `out bin/a: a piece of the build's own path (of ${hash}) at byte 34, which cannot be rewritten`,
      `out bin/a: a piece of the build's own path (of ${hash}) at byte 44, which cannot be rewritten`,
    ]);
  });
});

describe("fixed outputs", () => {
  const fixed = (name: string, digest: string, mode: "flat" | "tree", algo: "sha256" | "sha512" = "sha256") =>
    derivation(name, { outputs: { out: { _tag: "FixedOutput", algo, digest, mode } } });

  test("are admitted when the bytes are the promised ones", async () => {
    const store = temporaryStore();
    const sha512 = createHash("sha512").update("bytes").digest("hex");
    const trees = rightOf(await admitTrees(store, derivation("t-1"), { out: dir({ a: "b" }) }));
    const digest = store.object(trees.out as StorePath)?.digest ?? "";
    const results = [
      await admitTrees(store, fixed("f-1", sha256Hex("bytes"), "flat"), { out: "bytes" }),
      await admitTrees(store, fixed("f-2", sha512, "flat", "sha512"), { out: "bytes" }),
      await admitTrees(store, fixed("f-3", digest, "tree"), { out: dir({ a: "b" }) }),
    ];
    const [first, second, third] = results.map((result) => rightOf(result).out);
    expect([first, third]).toEqual([
      predictedPath(fixed("f-1", sha256Hex("bytes"), "flat"), "out"),
      predictedPath(fixed("f-3", digest, "tree"), "out"),
    ]);
    expect(store.object(second as StorePath)?.digest).toBe(sha256Hex("bytes"));
  });

  test("are refused with both digests when they are not", async () => {
    const expected = sha256Hex("bytes");
    const failure = leftOf(await admitTrees(temporaryStore(), fixed("f-1", expected, "flat"), { out: "other" }));
    const actual = sha256Hex("other");
    expect(failure).toEqual({ _tag: "DigestMismatch", url: "f-1", algo: "sha256", expected, actual, bytes: 5 });
  });

  test("hold no references and are of the promised kind", async () => {
    const store = temporaryStore();
    const input = await admitted(store, "input-1", "x");
    const drv = fixed("f-1", sha256Hex(""), "flat");
    const tree = { exec: `${input} ${self("f-1")}` };
    const failure = leftOf(await admitTrees(store, drv, { out: tree }, [input]));
    const remedy = "bytes that were promised in advance cannot depend on the store: leave the path out";
    expect(failure).toEqual({
      _tag: "BadOutput",
      faults: [
        { output: "out", file: ".", found: `a reference to ${input}`, remedy },
        {
          output: "out",
          file: ".",
          found: `a reference to an output (${hashPart(scratchPath("f-1", "out"))})`,
          remedy,
        },
        {
          output: "out",
          file: ".",
          found: "an executable file",
          remedy: "the promise is the digest of one file that is not executable: make it that",
        },
      ],
    });
  });
});
