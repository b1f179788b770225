import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hashPart, type StorePath, sha256Hex } from "@cab/core";
import { describe, expect, test } from "vitest";
import { OBJECT_TIME } from "./settle.ts";
import {
  admission,
  admitBuilt,
  admitTrees,
  admitted,
  contentAddressed,
  derivation,
  dir,
  leftOf,
  outputFile,
  readTree,
  rightOf,
  self,
  type Tree,
  temporaryStore,
  writeTree,
} from "./testing/rig.ts";

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

  test("leaves the tree of what is there already as it lies", async () => {
    const store = temporaryStore();
    await admitted(store, "plain-1", dir({ file: "text" }));
    const scratch = rightOf(await store.openScratch("plain-1")());
    const drv = derivation("plain-1");
    writeTree(outputFile(scratch, drv), dir({ file: "text" }));
    const file = join(outputFile(scratch, drv), "file");
    const { mode, ino, mtimeMs, ctimeMs } = lstatSync(file);
    rightOf(await store.admitOutputs(admission(scratch, drv))());
    expect(lstatSync(file)).toMatchObject({ mode, ino, mtimeMs, ctimeMs });
  });

  test("shares files among outputs of one build, which the pool does not have yet", async () => {
    const store = temporaryStore();
    const drv = derivation("pair-1", { outputs: contentAddressed("one", "two") });
    const trees = { one: dir({ a: "text" }), two: dir({ b: "text", one: { link: self("pair-1", "one") } }) };
    const { one, two } = rightOf(await admitTrees(store, drv, trees)) as Record<"one" | "two", StorePath>;
    expect(statSync(join(store.physical(two), "b")).ino).toBe(statSync(join(store.physical(one), "a")).ino);
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
