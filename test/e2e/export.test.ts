/** Closures that travel: exported on one site, imported on another that has no network, whole or refused. */
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CabOptions,
  CHECKOUT,
  cab,
  closureFolders,
  type Ended,
  isRoot,
  realise,
  removeFolder,
  storeObjects,
  temporaryFolder,
  workspace,
} from "./support.ts";

const folder = temporaryFolder("export");
const root = join(folder, "site-a");
afterAll(() => removeFolder(folder));

const TREE = `import { type AnyPackage, concat, contentAddressed, definePackage, json } from "@cab/core";
type Line = string | AnyPackage;
/** A package that is these text files, each of lines that may name other packages' paths. */
export const tree = (name: string, version: string, files: Record<string, Line[]>) =>
  definePackage({ name, version }, () => ({
    name: \`\${name}-\${version}\`,
    builder: "builtin:write@1",
    env: {
      files: json(
        Object.fromEntries(Object.entries(files).map(([path, lines]) => [path, { text: concat(...lines), executable: path.startsWith("bin/") }])),
      ),
    },
    rootfs: null,
    outputs: contentAddressed(["out"]),
  }));
`;

/** As a directory server is made: a role of a server, of libraries, of a libc. \`version\` is the server's. */
const recipes = (version: string): Readonly<Record<string, string>> => ({
  "derivations/lib/tree.ts": TREE,
  "derivations/tiny-libc.ts": `import { tree } from "./lib/tree.ts";
export default tree("tiny-libc", "2.36", { "lib/libc.so": ["libc ".repeat(100_000)], "share/licence": ["free"] });
`,
  "derivations/tiny-tls.ts": `import { tree } from "./lib/tree.ts";
import libc from "./tiny-libc.ts";
export default tree("tiny-tls", "3.0", { "lib/libssl.so": ["needs ", libc], "share/licence": ["free"] });
`,
  "derivations/tiny-slapd.ts": `import { tree } from "./lib/tree.ts";
import libc from "./tiny-libc.ts";
import tls from "./tiny-tls.ts";
export default tree("tiny-slapd", "${version}", {
  "bin/slapd": ["${version} needs ", tls, " and ", libc],
  "etc/schema": ["attribute ".repeat(50_000)],
  "share/licence": ["free"],
});
`,
  "derivations/directory.ts": `import { tree } from "./lib/tree.ts";
import slapd from "./tiny-slapd.ts";
export default tree("directory", "1", { "bin/directory": ["exec ", slapd, "/bin/slapd"], "etc/conf": [slapd] });
`,
});

const old = workspace(join(folder, "old"), recipes("2.5"));
const recent = workspace(join(folder, "recent"), recipes("2.6"));

/** A site without a network: no mirror answers, and as root there is not even an interface. */
const offline = (name: string): CabOptions => ({
  root: join(folder, name),
  cwd: old,
  env: { CAB_DEBIAN_MIRROR: "http://127.0.0.1:9", http_proxy: "http://127.0.0.1:9", https_proxy: "http://127.0.0.1:9" },
  ...(isRoot ? { under: ["unshare", "--net"] } : {}),
});

const streamFile = (name: string): string => join(folder, `${name}.cab`);

async function exportTo(name: string, args: readonly string[], options: CabOptions): Promise<Ended> {
  const ended = await cab(["export", ...args], { ...options, stdout: streamFile(name) });
  expect(ended).toMatchObject({ code: 0 });
  return ended;
}

const importFrom = (name: string, options: CabOptions, ...args: string[]): Promise<Ended> =>
  cab(["import", ...args], { ...options, stdin: streamFile(name) });

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** Every entry below with its mode, size and content's digest. */
const listing = (place: string): string =>
  execFileSync(
    "sh",
    ["-c", 'cd "$0" && find . -printf "%P %y %m %s %l\\n" | sort && find . -type f -exec sha256sum {} + | sort', place],
    {
      encoding: "latin1",
    },
  );

beforeAll(async () => {
  await realise(["directory"], { root, cwd: old });
  await realise(["directory"], { root, cwd: recent });
  await exportTo("old", ["directory"], { root, cwd: old });
});

describe("a role's closure", () => {
  test("arrives in an empty store on a site without a network, byte for byte, and is up to date there once trusted", async () => {
    const there = offline("site-b");
    const first = await importFrom("old", there);
    expect(first).toMatchObject({ code: 0 });
    const [path = ""] = lines(first.stdout);
    const from = closureFolders(root, path);
    const to = closureFolders(there.root as string, path);
    expect(to.map(listing)).toEqual(from.map(listing));
    expect(to).toHaveLength(4);
    expect(first.stderr).toContain("imported 4 objects");
    expect(first.stderr).toContain("cab import --trust-realisations");

    const unknown = await cab(["path-info", "directory"], there);
    expect(unknown.stderr).toContain("is not realised in the store");
    expect(unknown.stderr).toContain("cab realise directory");

    const trusting = await importFrom("old", there, "--trust-realisations", "--json");
    expect(JSON.parse(trusting.stdout)).toMatchObject({
      roots: [path],
      imported: 0,
      present: 4,
      realisations: { left: 0 },
    });
    expect(await realise(["directory"], there)).toMatchObject({ built: [], outputs: { directory: { out: path } } });
  });

  test("goes through a pipe, and the same closure is the same stream", async () => {
    const ended = spawnSync(
      "sh",
      [
        "-c",
        'CAB_ROOT="$1" ./cab export "$3" | tee "$4" | CAB_ROOT="$2" ./cab import',
        "sh",
        root,
        join(folder, "piped"),
        pathOf("directory-1"),
        streamFile("piped"),
      ],
      {
        cwd: CHECKOUT,
        encoding: "utf8",
      },
    );
    expect(ended).toMatchObject({ status: 0 });
    expect(storeObjects(join(folder, "piped"))).toHaveLength(4);
    await exportTo("piped-again", [pathOf("directory-1")], { root });
    expect(readFileSync(streamFile("piped-again")).equals(readFileSync(streamFile("piped")))).toBe(true);
  });

  test("is less where the other side says what it has; who has less is told what is missing", async () => {
    const there = offline("site-c");
    expect(await importFrom("old", there)).toMatchObject({ code: 0 });
    const has = join(folder, "site-c.paths");
    writeFileSync(has, (await cab(["path-info", "--all"], there)).stdout);
    const ended = await exportTo("delta", ["--except", has, "directory"], { root, cwd: recent });
    expect(ended.stderr).toContain("exported 2 objects");
    await exportTo("recent", ["directory"], { root, cwd: recent });
    expect(statSync(streamFile("delta")).size).toBeLessThan(statSync(streamFile("recent")).size);

    const none = await importFrom("delta", offline("site-d"));
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/not here[\s\S]*-tiny-tls-3\.0\n[\s\S]*--except FILE/);
    expect(storeObjects(join(folder, "site-d"))).toEqual([]);

    const arrived = await importFrom("delta", there);
    expect(arrived.stderr).toContain("imported 2 objects");
    expect(storeObjects(join(folder, "site-c"))).toHaveLength(6);
  });

  test("a list that is none of store paths is the user's mistake, with its line", async () => {
    const list = join(folder, "list");
    writeFileSync(list, `${pathOf("directory-1")}\nsomething\n`);
    const ended = await cab(["export", "--except", list, "directory"], { root, cwd: old });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`${list}:2: expected a store path`);
  });
});

/** The first object on site A whose name ends so. */
const pathOf = (name: string): string =>
  `/cab/store/${storeObjects(root).find((object) => object.endsWith(`-${name}`))}`;

describe("a stream that is not what it should be", () => {
  const harmed = (name: string, harm: (file: string) => void): string => {
    writeFileSync(streamFile(name), readFileSync(streamFile("old")));
    harm(streamFile(name));
    return name;
  };
  const refused = async (name: string, message: RegExp): Promise<void> => {
    const there = { root: join(folder, `store-${name}`) };
    const { code, stdout, stderr } = await importFrom(name, there);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
    expect(readdirSync(join(there.root, "store")).filter((entry) => entry.startsWith(".tmp"))).toEqual([]);
    // Whatever did enter is what site A has.
    for (const object of storeObjects(there.root)) {
      expect(listing(join(there.root, "store", object))).toBe(listing(join(root, "store", object)));
    }
  };

  test.each([
    ["empty", (file: string) => truncateSync(file, 0), /^error: the stream ended too early/],
    [
      "cut",
      (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2)),
      /^error: the stream ended too early[\s\S]*[12] objects? of 4 had come whole and stay/,
    ],
    [
      "text",
      (file: string) => writeFileSync(file, "hello"),
      /^error: the stream is refused: it is damaged, or no zstd stream/,
    ],
    [
      "foreign",
      (file: string) =>
        void execFileSync("sh", [
          "-c",
          'tar c -C "$1" . | "$2" -e "process.stdin.pipe(require(\'zlib\').createZstdCompress()).pipe(process.stdout)" > "$0"',
          file,
          old,
          process.execPath,
        ]),
      /it is no export of cab's/,
    ],
    ["longer", (file: string) => appendFileSync(file, "more"), /something follows its end/],
    [
      "flipped",
      (file: string) => {
        const bytes = readFileSync(file);
        bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
        writeFileSync(file, bytes);
      },
      /^error: the stream is refused: it is damaged/,
    ],
  ])("%s", async (name, harm, message) => {
    await refused(harmed(name, harm), message);
  });

  test("nothing but a directory, or nothing at all", async () => {
    const there = { root: join(folder, "store-nothing") };
    expect(await cab(["import"], { ...there, stdin: folder })).toMatchObject({ code: 1 });
    const none = await cab(["import", "file"], there);
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("cab import < FILE") });
  });

  test.skipIf(!isRoot)(
    "a full disk on either side ends it with a word (needs root, to mount a small one)",
    async () => {
      const big = workspace(join(folder, "big"), {
        "derivations/big.ts": `import { contentAddressed, definePackage } from "@cab/core";
let text = "";
for (let i = 0, x = 1; i < 4_000_000; i++) {
  x = (Math.imul(x ^ (x >>> 15), 739982445) + i) | 0;
  text += String.fromCharCode(48 + ((x >>> 8) & 63));
}
export default definePackage({ name: "big" }, () => ({
  name: "big", builder: "builtin:write@1", env: { text }, rootfs: null, outputs: contentAddressed(["out"]),
}));
`,
      });
      await realise(["big"], { root, cwd: big });
      await exportTo("big", ["big"], { root, cwd: big });
      const small = join(folder, "small");
      mkdirSync(small);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", small]);
      try {
        const written = await cab(["export", "big"], { root, cwd: big, stdout: join(small, "stream") });
        expect(written.code).toBe(1);
        expect(written.stderr).toContain("the disk that it goes to is full");
        execFileSync("rm", [join(small, "stream")]);
        const read = await importFrom("big", { root: small });
        expect(read.code).toBe(1);
        expect(read.stderr).toMatch(/the store's disk has [0-9.]+ [kM]?B free|the disk is full/);
        expect(readdirSync(join(small, "store")).filter((entry) => entry !== ".links")).toEqual([]);
      } finally {
        execFileSync("umount", [small]);
      }
    },
  );
});

const SCRIPT = `import { contentAddressed, definePackage } from "@cab/core";
import seed from "@cab/derivations/toolchain/seed.ts";
export default definePackage({ name: "odd" }, () => ({
  name: "odd",
  builder: "/bin/bash",
  args: ["-ec", 'mkdir "$out"; cd "$out"; for name in $(printf "\\\\377\\\\376x") "$(printf "a\\\\nb")" "$(printf "x%.0s" {1..255})" "with space"; do echo "$name" > "$name"; done; ln -s "$(printf "\\\\200")" link'],
  env: { PATH: "/usr/bin" },
  rootfs: seed,
  outputs: contentAddressed(["out"]),
}));
`;

describe("all that building takes", () => {
  test("sources, seed and tools come along: the other site builds the same from them without a network", async () => {
    const cwd = workspace(join(folder, "odd"), { "derivations/odd.ts": SCRIPT });
    const { outputs } = await realise(["odd"], { root, cwd });
    await exportTo("closure", ["--build-closure", "--level", "1", "odd"], { root, cwd });
    const there = { ...offline("site-e"), cwd };
    expect(await importFrom("closure", there)).toMatchObject({ code: 0, stdout: `${outputs.odd?.out}\n` });
    const report = await realise(["odd"], there);
    expect(report).toMatchObject({ fetched: [], outputs });
    expect(report.built).toContain("odd");
    expect(report.built).toContain("seed");
    const [here, arrived] = [root, there.root as string].map((site) =>
      join(site, "store", outputs.odd?.out?.slice(11) ?? ""),
    );
    expect(listing(arrived as string)).toBe(listing(here as string));
    expect(
      readdirSync(arrived as string, { encoding: "buffer" })
        .map((name) => name.toString("latin1"))
        .sort(),
    ).toEqual(["a\nb", "link", "with space", "x".repeat(255), "\xff\xfex"].sort());
    expect(statSync(streamFile("closure")).size).toBeGreaterThan(50e6);
  });
});

describe("what is in the store", () => {
  const there = { root, cwd: recent };
  const json = async (...args: string[]): Promise<unknown> => {
    const ended = await cab(args, there);
    expect(ended).toMatchObject({ code: 0 });
    return JSON.parse(ended.stdout);
  };

  test("path-info: a record, its closure in order, everything", async () => {
    const [info] = (await json("path-info", "--json", "--referrers", "tiny-slapd")) as [Record<string, unknown>];
    expect(info).toMatchObject({
      path: pathOf("tiny-slapd-2.6"),
      kind: "dir",
      references: [pathOf("tiny-tls-3.0"), pathOf("tiny-libc-2.36")].sort(),
      referrers: [((await json("path-info", "--json", "directory")) as [{ path: string }])[0].path],
    });
    const closure = lines((await cab(["path-info", "--closure", "directory"], there)).stdout);
    expect(closure.map((path) => path.slice(44))).toEqual([
      "tiny-libc-2.36",
      "tiny-tls-3.0",
      "tiny-slapd-2.6",
      "directory-1",
    ]);
    const all = lines((await cab(["path-info", "--all"], there)).stdout);
    expect(all.map((path) => path.slice(11)).sort()).toEqual(storeObjects(root));
  });

  test("a path, its base name, a file below it and the physical path mean the same", async () => {
    const path = pathOf("tiny-tls-3.0");
    for (const text of [path, path.slice(11), `${path}/lib/libssl.so`, join(root, "store", path.slice(11))]) {
      expect(await json("path-info", "--json", text)).toMatchObject([{ path }]);
    }
  });

  test.each([
    [["path-info", "nothing-such"], 1, "nothing-such"],
    [["path-info", "tiny-tls.dev"], 1, "tiny-tls has no output dev; it has out"],
    [["path-info", "/cab/store/short"], 2, "is no store path"],
    [["path-info", `/cab/store/${"0".repeat(32)}-gone`], 1, "cab path-info --all"],
    [["path-info"], 2, "give NAME or PATH"],
    [["why", "tiny-tls"], 2, "give two of NAME or PATH"],
    [["diff", "tiny-tls"], 2, "give two of NAME or PATH"],
    [["size"], 2, "give at least one NAME or PATH"],
    [["export"], 2, "give at least one NAME or PATH"],
    [["export", "--level", "99", "tiny-tls"], 2, "from 1 to 19"],
  ])("%j ends with %d", async (args, code, message) => {
    const ended = await cab(args, there);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: "" });
    expect(ended.stderr).toContain(message);
  });

  test("size: own, closure, what is there for it alone, what sharing saves", async () => {
    const [slapd] = (await json("size", "--json", "tiny-slapd")) as [Record<string, unknown>];
    const sizes = (await json("path-info", "--closure", "--json", "tiny-slapd")) as { path: string; size: number }[];
    const bytes = sizes.reduce((sum, { size }) => sum + size, 0);
    const own = sizes.find(({ path }) => path.endsWith("tiny-slapd-2.6"))?.size;
    expect(slapd).toEqual({
      path: pathOf("tiny-slapd-2.6"),
      own,
      closure: { objects: 3, bytes },
      alone: { objects: 1, bytes: own },
      saved: 2 * "free".length,
    });
  });

  test("why: the shortest way, and the bytes that make it", async () => {
    const ways = await json("why", "--json", "directory", "tiny-tls");
    const directory = ((await json("path-info", "--json", "directory")) as [{ path: string }])[0].path;
    expect(ways).toEqual([
      [
        {
          from: directory,
          to: pathOf("tiny-slapd-2.6"),
          places: [
            { path: "bin/directory", in: "file", offset: "exec /cab/store/".length },
            { path: "etc/conf", in: "file", offset: "/cab/store/".length },
          ],
        },
        {
          from: pathOf("tiny-slapd-2.6"),
          to: pathOf("tiny-tls-3.0"),
          places: [{ path: "bin/slapd", in: "file", offset: "2.6 needs /cab/store/".length }],
        },
      ],
    ]);
    const none = await cab(["why", "tiny-libc", "directory"], there);
    expect(none).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/does not need/) });
  });

  test("diff: packages and versions, and the files within", async () => {
    const before = storeObjects(root)
      .map((name) => `/cab/store/${name}`)
      .filter((path) => path.endsWith("-directory-1"));
    const now = ((await json("path-info", "--json", "directory")) as [{ path: string }])[0].path;
    const then = before.find((path) => path !== now) as string;
    const ended = await cab(["diff", "--files", then, "directory"], there);
    expect(ended).toMatchObject({ code: 0 });
    expect(lines(ended.stdout).map((line) => line.replace(/ {2}[0-9].*/, "").replace(/: .*/, ""))).toEqual([
      "rebuilt  directory 1",
      "    ~ bin/directory 73 B, executable → 73 B, executable",
      "    ~ etc/conf 58 B → 58 B",
      "changed  tiny-slapd 2.5 → 2.6",
      "    ~ bin/slapd 129 B, executable → 129 B, executable",
      "closure",
    ]);
    const same = await json("diff", "--json", "directory", "directory");
    expect(same).toMatchObject({ changes: [] });
  });
});
