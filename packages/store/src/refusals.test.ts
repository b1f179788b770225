import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { hashPart, predictedPath, type SecretSearch, type StorePath, scratchPath, sha256Hex } from "@cab/core";
import { describe, expect, test } from "vitest";
import {
  admitBuilt,
  admitTrees,
  admitted,
  derivation,
  dir,
  leftOf,
  outputFile,
  rightOf,
  self,
  temporaryStore,
} from "./testing/rig.ts";

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

  test.skipIf(process.geteuid?.() !== 0)("devices (needs root, to make them)", async () => {
    const drv = derivation("devices-1");
    const refused = await admitBuilt(temporaryStore(), drv, (scratch) => {
      const out = outputFile(scratch, drv);
      mkdirSync(out);
      execFileSync("mknod", [join(out, "null"), "c", "1", "3"]);
      execFileSync("mknod", [join(out, "disk"), "b", "8", "0"]);
    });
    expect(faultsOf(leftOf(refused))).toEqual(["out disk: a block device", "out null: a character device"]);
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

test("an output with the value of a secret is refused, whether it is content, a link's target or a name", async () => {
  const secret = "hunter2-hunter2";
  let text = "";
  const secretSearch = (): SecretSearch => ({
    update: (chunk) => {
      text += Buffer.from(chunk).toString("latin1");
    },
    finish: () => {
      const found = text.includes(secret) ? ["password"] : [];
      text = "";
      return found;
    },
  });
  const store = temporaryStore({ secretSearch });
  const tree = dir({ a: `password = ${secret}\n`, b: { link: `/${secret}` }, [secret]: "", other: "text" });
  const failure = leftOf(await admitTrees(store, derivation("role-1"), { out: tree }));
  const fault = (file: string) => ({
    output: "out",
    file,
    found: "the value of password, a secret of this host",
    remedy: "take it out of the recipe: a role gets it on the host; and change it, since it may be known",
  });
  const faults = failure._tag === "BadOutput" ? failure.faults : [];
  expect([...faults].sort((x, y) => (x.file < y.file ? -1 : 1))).toEqual(["a", "b", secret].map(fault));
  expect(store.objects()).toEqual([]);
});
