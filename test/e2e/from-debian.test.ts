/** Debian's binaries as store objects: redis beside our own in one closure, and what is refused. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deb, type TarEntry, tar } from "../../packages/executor/src/testing/archives.ts";
import { freePort, mappedFiles, processBelow } from "./processes.ts";
import {
  cab,
  closureFolders,
  type Ended,
  fromCache,
  realise,
  removeFolder,
  startCab,
  storeObjects,
  temporaryFolder,
  workspace,
} from "./support.ts";

const folder = temporaryFolder("from-debian");
const root = join(folder, "root");
afterAll(() => removeFolder(folder));

/** A recipe of one Debian package: the fields besides its name. */
const debian = (name: string, fields = ""): string =>
  `import { fromDebian } from "@cab/derivations/lib/from-debian.ts";\nexport default fromDebian({ name: "${name}", ${fields} });\n`;

const cwd = workspace(join(folder, "workspace"), {
  "derivations/two-redis.ts": `import { local, sh } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";
import ours from "@cab/derivations/servers/redis.ts";
import debians from "@cab/derivations/servers/redis-debian.ts";

export default serverRole({
  name: "two-redis",
  packages: { ours, debians },
  programs: ["debians"],
  source: local(import.meta, "./two-redis"),
  install: sh\`for program in "$ours"/bin/*; do ln -s "$program" "$out/bin/our-$(basename "$program")"; done\`,
});
`,
  "derivations/two-redis/README": "Nothing is installed from here.\n",
  "derivations/plugins-in-usr.ts": debian("libsasl2-2"),
  "derivations/scripts.ts": debian("gzip"),
  "derivations/second-libc.ts": debian("libatomic1"),
  "derivations/needless.ts": debian("libzstd1", 'hostPaths: { "/etc/zstd": "it names no such path" }'),
  "derivations/no-reason.ts": debian("libzstd1", 'hostPaths: { "/etc/zstd": " " }'),
  "derivations/unmet.ts": `import { local } from "@cab/core";
import { fromDebian } from "@cab/derivations/lib/from-debian.ts";
import { make } from "@cab/derivations/lib/make.ts";

const magic = make({
  name: "magic",
  version: "0",
  source: local(import.meta, "./magic"),
  outputs: [],
  install: ({ out }) => ["install", \`LIB=\${out}/lib\`],
});

export default fromDebian({ name: "file", inputs: { magic } });
`,
  "derivations/magic/Makefile": `all:

install:
	mkdir -p $(LIB)
	echo 'void magic_open(void) {}' | $(CC) -shared -fPIC -Wl,-soname,libmagic.so.1 -o $(LIB)/libmagic.so.1 -x c -
`,
});

const name = (path: string): string => path.slice(path.lastIndexOf("/") + 34);

describe("redis", () => {
  let outputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  const path = (recipe: string): string => outputs[recipe]?.out ?? "";
  beforeAll(async () => {
    ({ outputs } = await realise(["two-redis", "redis-debian"], { root, cwd, args: fromCache() }));
  });

  test("holds what the package's programs need, and nothing that only a Debian host reads", () => {
    const files = readdirSync(join(root, "store", path("redis-debian").slice("/cab/store/".length)), {
      recursive: true,
      encoding: "utf8",
    });
    expect(files.sort()).toEqual([
      "bin",
      ...["benchmark", "check-aof", "check-rdb", "cli", "sentinel", "server"].map((of) => `bin/redis-${of}`),
      ...["share", "share/bash-completion", "share/bash-completion/completions"],
      "share/bash-completion/completions/redis-cli",
    ]);
  });

  test("has each library as one object, and one libc, in the closure that it shares with our own", () => {
    const withoutVersion = closureFolders(root, path("two-redis")).map((object) =>
      name(object).replace(/-\d+\..*/, ""),
    );
    expect(withoutVersion.sort()).toEqual([
      ...[
        "busybox",
        "libc",
        "libcap2",
        "libgcrypt20",
        "libgpg-error0",
        "libjemalloc2",
        "liblz4-1",
        "liblzf1",
        "liblzma5",
      ],
      ...["libsystemd0", "libzstd1", "openssl", "redis", "redis", "two-redis", "zlib"],
    ]);
  });

  test("is what a workspace gets that prefers the distribution's", async () => {
    const preferring = workspace(join(folder, "preferring"), {
      "cab.config.ts": `import { workspace } from "@cab/core";
import redis from "@cab/derivations/servers/redis.ts";
export default workspace({ prefer: { distribution: [redis] } });
`,
    });
    const report = await realise(["redis"], { root, cwd: preferring });
    expect(report).toMatchObject({ outputs: { redis: { out: path("redis-debian") } }, built: [] });
  });

  test("serves from the store, and maps nothing from outside it", async () => {
    const port = await freePort();
    const run = (program: string, ...args: string[]): Promise<Ended> =>
      cab(["run", "two-redis", program, "-p", String(port), ...args], { root, cwd });
    const flags = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
    const server = startCab(["run", "two-redis", "redis-server", ...flags], { root, cwd });
    try {
      await untilAnswering(() => run("redis-cli", "ping"));
      expect(await run("our-redis-cli", "set", "greeting", "from our client")).toMatchObject({ stdout: "OK\n" });
      expect(await run("redis-cli", "get", "greeting")).toMatchObject({ stdout: "from our client\n" });
      // Ours is built without it.
      expect((await run("redis-cli", "info", "memory")).stdout).toContain("mem_allocator:jemalloc-5.3.0");
      const pid = processBelow(server.pid as number, "redis-check-rdb");
      expect(mappedFiles(pid).filter((file) => !/^(?:\/cab|.*\/root)\/store\//.test(file))).toEqual([]);
    } finally {
      server.kill("SIGTERM");
      expect(await server.ended).toMatchObject({ code: 0 });
    }
  });

  test("is the same bytes in another store", async () => {
    const { outputs: elsewhere } = await realise(["libsystemd0"], {
      root: join(folder, "other-root"),
      args: fromCache(),
    });
    // The path follows from the bytes, and from those of all libraries that it needs.
    expect(storeObjects(root)).toContain(elsewhere.libsystemd0?.out?.slice("/cab/store/".length));
  });
});

describe("refuses", () => {
  const refusal = async (recipe: string): Promise<string> => {
    const { code, stderr } = await cab(["realise", recipe], { root, cwd });
    expect(code).toBe(1);
    return stderr;
  };

  test("what loads code from below /usr, and names other places of a running system", async () => {
    const message = await refusal("plugins-in-usr");
    expect(message).toMatch(
      /leak: out\/lib\/libsasl2\.so\.[\d.]+: names \/usr\/lib\/x86_64-linux-gnu\/sasl2; .*; remedy: build it from source/,
    );
    expect(message).toMatch(/leak: out\/lib\/libsasl2\.so\.[\d.]+: names \/etc\/sasl, .*; remedy: .*hostPaths/);
  });

  test("scripts whose interpreter is no input", async () => {
    expect(await refusal("scripts")).toMatch(
      /leak: out\/bin\/zgrep: runs by \/bin\/sh; .*; remedy: add a package with bin\/sh/,
    );
  });

  test("a second libc", async () => {
    expect(await refusal("second-libc")).toMatch(/libatomic\.so\.1: a library of libc; .*; remedy: /);
  });

  test("an input that lacks symbols", async () => {
    const message = await refusal("unmet");
    expect(message).toMatch(/unmet: out\/bin\/file: .*magic_load/);
    expect(message).not.toContain("magic_open");
  });

  test("allowances without need or without a reason", async () => {
    expect(await refusal("needless")).toContain("hostPaths: allows /etc/zstd, which no file names");
    expect(await refusal("no-reason")).toMatch(
      /derivations\/no-reason\.ts:2[\s\S]*no reason in hostPaths: "\/etc\/zstd"/,
    );
  });
});

describe("packages of any content", () => {
  let server: Server;
  const packages: Readonly<Record<string, readonly TarEntry[]>> = {
    tidy: [
      { name: "./usr/share/tidy/data", text: "data" },
      { name: "./usr/share/tidy/again", type: "1", target: "./usr/share/tidy/data" },
      { name: "./usr/share/tidy/plugin", type: "2", target: "/usr/lib/x86_64-linux-gnu/tidy/plugin" },
      { name: "./usr/lib/x86_64-linux-gnu/tidy/plugin", text: "plugin" },
      { name: "./lib/tidy/data", type: "2", target: "../../usr/share/tidy/data" },
      { name: "./etc/tidy.conf", text: "data = share/tidy/data" },
      ...[
        "etc/init.d",
        "etc/cron.daily",
        "etc/logrotate.d",
        "lib/systemd/system",
        "usr/share/doc/tidy",
        "usr/share/man/man1",
      ].map((directory) => ({ name: `./${directory}/tidy`, text: "#!/bin/sh" })),
      { name: "./var/lib/tidy/", type: "5" },
    ],
    odd: [
      { name: "./usr/bin/odd", mode: 0o4755, text: "" },
      { name: "./opt/odd/odd", text: "" },
      { name: "./bin/two", text: "" },
      { name: "./usr/bin/two", text: "" },
    ],
    stray: [
      { name: "./usr/share/stray/link", type: "2", target: "/etc/alternatives/stray" },
      { name: "./usr/share/stray/out", type: "2", target: "../../../../../usr" },
    ],
  };
  const files = Object.entries(packages).map(([of, entries]) => ({ of, bytes: deb(gzipSync(tar(entries))) }));
  let strange: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      response.end(files.find(({ of }) => request.url === `/${of}_1.0-2~deb12_all.deb`)?.bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pins = files.map(({ of, bytes }) => {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const pin = { url: `${base}/${of}_1.0-2~deb12_all.deb`, size: bytes.length, sha256 };
      return `${JSON.stringify(`debian:bookworm/amd64/${of}`)}: ${JSON.stringify(pin)},\n`;
    });
    strange = workspace(join(folder, "strange"), {
      ...Object.fromEntries(Object.keys(packages).map((of) => [`derivations/${of}.ts`, debian(of)])),
      "cab.lock": `{\n${pins.sort().join("")}"version":1}\n`,
    });
  });
  afterAll(() => void server.close());

  test("are laid out as packages are, and links go on leading to what they meant", async () => {
    const { outputs } = await realise(["tidy"], { root, cwd: strange });
    const object = outputs.tidy?.out ?? "";
    expect(name(object)).toBe("tidy-1.0-2-deb12");
    const tree = join(root, "store", object.slice("/cab/store/".length));
    const entries = readdirSync(tree, { recursive: true, encoding: "utf8" }).sort();
    const described = entries.map((entry) => {
      const stat = lstatSync(join(tree, entry));
      return stat.isSymbolicLink()
        ? `${entry} -> ${readlinkSync(join(tree, entry))}`
        : stat.isFile()
          ? entry
          : `${entry}/`;
    });
    expect(described).toEqual([
      ...["etc/", "etc/tidy.conf", "lib/", "lib/tidy/", "lib/tidy/data -> ../../share/tidy/data", "lib/tidy/plugin"],
      ...["share/", "share/tidy/", "share/tidy/again", "share/tidy/data", "share/tidy/plugin -> ../../lib/tidy/plugin"],
    ]);
  });

  test("are refused for what the store has no place for, all at once", async () => {
    const { code, stderr } = await cab(["realise", "odd"], { root, cwd: strange });
    expect(code).toBe(1);
    expect(stderr).toContain("leak: opt/odd/odd: a file that no package has a place for; expected ");
    expect(stderr).toContain("leak: usr/bin/odd: a program that runs with the rights of its owner; expected ");
    expect(stderr).toContain("leak: usr/bin/two: would be bin/two, as bin/two is; expected ");
  });

  test("are refused for links out of them", async () => {
    const { code, stderr } = await cab(["realise", "stray"], { root, cwd: strange });
    expect(code).toBe(1);
    expect(stderr).toContain(
      "leak: out/share/stray/link: link to ../../etc/alternatives/stray, which does not exist; expected ",
    );
    expect(stderr).toContain("leak: out/share/stray/out: link to ../../../../../usr; expected a target in the store");
  });
});

async function untilAnswering(ping: () => Promise<Ended>): Promise<void> {
  for (let attempts = 0; attempts < 100; attempts++) {
    if ((await ping()).stdout === "PONG\n") return;
    await sleep(100);
  }
  throw new Error("redis never answered");
}
