/** Bad input and bad luck through the real command: each message blames the right place and says what to type next. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cab,
  type Ended,
  isRoot,
  realise,
  removeFolder,
  startCab,
  storeObjects,
  temporaryFolder,
  workspace,
} from "./support.ts";
import { damageObject, setStoreFormat } from "./tampered-store.ts";

const folder = temporaryFolder("failures");
const root = join(folder, "root");

const SCRIPT = `import { contentAddressed, definePackage } from "@cab/core";
import seed from "@cab/derivations/toolchain/seed.ts";
export const script = (name: string, code: string, outputs: string[] = ["out"]) =>
  definePackage({ name }, () => ({
    name,
    builder: "/bin/bash",
    args: ["-ec", code],
    env: { PATH: "/usr/bin" },
    rootfs: seed,
    outputs: contentAddressed(outputs),
  }));
`;

let workspaces = 0;

/** A workspace with these recipes, by file name below `derivations/`. */
const recipes = (files: Readonly<Record<string, string>>, rest: Readonly<Record<string, string>> = {}): string =>
  workspace(join(folder, `workspace-${workspaces++}`), {
    "derivations/lib/script.ts": SCRIPT,
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`derivations/${name}`, text])),
    ...rest,
  });

/** A workspace with one recipe, `it`, whose builder runs this shell code. */
const building = (code: string, outputs = ["out"]): string =>
  recipes({
    "it.ts": `import { script } from "./lib/script.ts";\nexport default script("it", ${JSON.stringify(code)}, ${JSON.stringify(outputs)});\n`,
  });

const run = (cwd: string, ...args: string[]): Promise<Ended> => cab(["realise", ...args, "it"], { root, cwd });

/** What a failure must not add to: objects of the thing that failed, and temporary folders. */
const remains = (): string[] =>
  readdirSync(join(root, "store")).filter((name) => name.endsWith("-it") || name.startsWith(".tmp"));

const failing = async (cwd: string, ...args: string[]): Promise<string> => {
  const before = remains();
  const { code, stdout, stderr } = await run(cwd, ...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(remains()).toEqual(before);
  return stderr;
};

beforeAll(() => realise(["seed", "sandbox"], { root }));
afterAll(() => removeFolder(folder));

describe("recipes", () => {
  test("that throw", async () => {
    const cwd = recipes({ "it.ts": "const x: string[] = [];\nexport default x[0]!.length;\n" });
    expect(await failing(cwd)).toMatch(/derivations\/it\.ts:2:\d+[\s\S]*TypeError/);
  });

  test("of an unknown name, with the nearest ones", async () => {
    const { code, stderr } = await cab(["realise", "ldap-servr"], { root });
    expect(code).toBe(1);
    expect(stderr).toContain("did you mean ldap-server?");
  });

  test("of one name in two files", async () => {
    const cwd = recipes({ "a/it.ts": "export default 1;", "b/it.ts": "export default 2;" });
    const message = await failing(cwd);
    expect(message).toContain("derivations/a/it.ts");
    expect(message).toContain("derivations/b/it.ts");
  });

  test("that depend on each other in a circle, printed as a path", async () => {
    const part = (other: string): string =>
      `import { script } from "./lib/script.ts";\nimport other from "./${other}.ts";\nexport default script("x", other.name);\n`;
    const message = await failing(recipes({ "it.ts": part("other"), "other.ts": part("it") }));
    expect(message).toMatch(/derivations\/it\.ts[\s\S]*→ derivations\/other\.ts[\s\S]*→ derivations\/it\.ts/);
  });
});

describe("downloads", () => {
  let server: Server;
  let base: string;
  const content = Buffer.alloc(100_000, "cab");
  const digest = createHash("sha256").update(content).digest("hex");
  const answers: Record<string, RequestListener> = {
    "/good": (_, response) => void response.end(content),
    "/missing": (_, response) => void response.writeHead(404).end(),
    "/wrong": (_, response) => void response.end(Buffer.alloc(100_000, "bac")),
    "/short": (_, response) => {
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 1000), () => response.destroy());
    },
  };

  beforeAll(async () => {
    server = createServer((request, response) => answers[request.url ?? ""]?.(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  /** A recipe that fetches `key`, pinned to these places. */
  const fetching = (url: string): string =>
    recipes(
      { "it.ts": `import { fetchUrl } from "@cab/core";\nexport default fetchUrl("https://upstream.invalid/it");\n` },
      {
        "cab.lock": `{\n"https://upstream.invalid/it": {"url":${JSON.stringify(url)},"size":${content.length},"sha256":"${digest}"},\n"version":1}\n`,
      },
    );

  test("that are not there", async () => {
    expect(await failing(fetching(`${base}/missing`))).toContain(`${base}/missing: HTTP status 404`);
  });

  test("that are cut short", async () => {
    expect(await failing(fetching(`${base}/short`))).toContain(`${base}/short: `);
  });

  test("that are not what was pinned", async () => {
    const message = await failing(fetching(`${base}/wrong`));
    expect(message).toContain(`expected: sha256 ${digest}`);
    expect(message).toContain("cab lock");
  });

  test("from a mirror that is down: the next one is tried", async () => {
    const cwd = fetching("mirror://debian/good");
    const { code, stderr } = await cab(["realise", "it"], {
      root,
      cwd,
      env: { CAB_DEBIAN_MIRROR: `http://127.0.0.1:9 ${base}` },
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
  });
});

describe("builders", () => {
  test("that fail: the last lines of the log, and where it lies", async () => {
    const cwd = building("for i in {1..40}; do echo line $i; done; exit 3");
    const message = await failing(cwd);
    expect(message).toContain("exited with code 3");
    expect(message).toContain("| line 40\n");
    expect(message).toContain(join(root, "var/log"));
    const log = await cab(["log", "it"], { root, cwd });
    expect(log.stdout).toContain("line 1\nline 2\n");
  });

  test("that never end", async () => {
    const message = await failing(building("while true; do echo working; sleep 0.2; done"), "--timeout", "2");
    expect(message).toContain("did not end within 2 s");
  });

  test("that fall silent", async () => {
    expect(await failing(building("echo one; sleep 600"), "--silence", "2")).toContain("printed nothing for 2 s");
  });

  test("that print without end", async () => {
    expect(await failing(building("yes"))).toMatch(/printed more than \d+ MB/);
  });

  test("that do not create their outputs", async () => {
    const message = await failing(building('mkdir "$out"', ["out", "dev"]));
    expect(message).toContain("did not create $dev");
  });

  test.each([
    ["a setuid file", 'touch "$out/program"; chmod 4755 "$out/program"'],
    ["a fifo", 'mknod "$out/program" p'],
    [
      "a socket",
      `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "$ENV{out}/program", Listen => 1) or die $!'`,
    ],
  ])("that make %s", async (_, code) => {
    expect(await failing(building(`mkdir "$out"; ${code}`))).toContain("out/program: ");
  });

  test("that leave processes behind", async () => {
    const cwd = building('mkdir "$out"; (setsid sleep 4242 &) ; exit 0');
    expect(await run(cwd)).toMatchObject({ code: 0 });
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain("sleep 4242");
  });

  test("whose outputs refer to each other in a circle", async () => {
    const message = await failing(building('echo "$dev" > "$out"; echo "$out" > "$dev"', ["out", "dev"]));
    expect(message).toMatch(/out → dev → out|dev → out → dev/);
  });

  test("that write their own path's hash into a file's name", async () => {
    const message = await failing(building('mkdir "$out"; base=$(basename "$out"); echo x > "$out/$base.txt"'));
    expect(message).toContain("-it.txt: ");
  });

  test("whose leak check fails: each leak with file and remedy", async () => {
    const cwd = recipes({
      "it.ts": `import { sh } from "@cab/core";
import { local } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";
export default make({
  name: "it",
  version: "1",
  source: local(import.meta, "./source"),
  outputs: [],
  configure: () => sh\`true\`,
  finish: sh\`mkdir -p "$out/bin"; cp /bin/true "$out/bin/true"; printf '#!/usr/bin/perl\\n' > "$out/bin/script"; chmod +x "$out/bin/script"\`,
});
`,
      "source/Makefile": "all:\n\ninstall:\n\t@true\n",
    });
    const message = (await run(cwd)).stderr;
    expect(message).toMatch(/leak: out\/bin\/true: .*; expected .*; remedy: /);
    expect(message).toMatch(/leak: out\/bin\/script: .*; expected .*; remedy: /);
  });
});

describe("archives", () => {
  const unpacking = (make: (file: string) => void): string => {
    const cwd = recipes({
      "it.ts": `import { contentAddressed, definePackage, json, local } from "@cab/core";
export default definePackage({ name: "it" }, () => ({
  name: "it",
  builder: "builtin:unpack@1",
  env: { sources: json([local(import.meta, "./archive")]) },
  rootfs: null,
  outputs: contentAddressed(["out"]),
}));
`,
    });
    make(join(cwd, "derivations/archive"));
    return cwd;
  };
  const python = (file: string, code: string): void => {
    execFileSync("python3", ["-c", `import sys, tarfile, io\nfile = sys.argv[1]\n${code}`, file]);
  };
  const member = (name: string): string =>
    `t = tarfile.open(file, "w")\ni = tarfile.TarInfo(${JSON.stringify(name)})\ni.size = 1\nt.addfile(i, io.BytesIO(b"x"))\nt.close()`;

  test("with ../", async () => {
    expect(await failing(unpacking((file) => python(file, member("../evil"))))).toContain('"../evil"');
  });

  test("with absolute names", async () => {
    expect(await failing(unpacking((file) => python(file, member("/tmp/evil"))))).toContain("/tmp/evil");
  });

  test("that write through a link", async () => {
    const code = `t = tarfile.open(file, "w")
l = tarfile.TarInfo("door")
l.type = tarfile.SYMTYPE
l.linkname = "/tmp"
t.addfile(l)
i = tarfile.TarInfo("door/cab-evil")
i.size = 1
t.addfile(i, io.BytesIO(b"x"))
t.close()`;
    expect(await failing(unpacking((file) => python(file, code)))).toContain("door");
    expect(existsSync("/tmp/cab-evil")).toBe(false);
  });
});

describe("stores", () => {
  test("of a newer version", async () => {
    const newer = join(folder, "newer");
    await realise(["it"], { root: newer, cwd: recipes({ "it.ts": WRITES }) });
    await setStoreFormat(newer, 99);
    const { code, stderr } = await cab(["realise", "it"], { root: newer, cwd: recipes({ "it.ts": WRITES }) });
    expect({ code, stderr }).toMatchObject({ code: 1 });
    expect(stderr).toContain("has format 99");
  });

  test("with a damaged record", async () => {
    const damaged = join(folder, "damaged");
    const cwd = recipes({ "it.ts": WRITES });
    const { outputs } = await realise(["it"], { root: damaged, cwd });
    await damageObject(damaged, (outputs.it?.out ?? "").slice("/cab/store/".length));
    const { code, stderr } = await cab(["realise", "it"], { root: damaged, cwd });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: the store's table objects is damaged at [0-9a-z]{32}-it/);
  });

  test.skipIf(!isRoot)("on a full disk (needs root, to mount a small one)", async () => {
    const small = join(folder, "small");
    mkdirSync(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", small]);
    try {
      const { code, stderr } = await cab(["realise", "sandbox"], { root: small });
      expect(code).toBe(1);
      expect(stderr).toContain("the disk is full");
    } finally {
      execFileSync("umount", [small]);
    }
  });
});

const WRITES = `import { contentAddressed, definePackage } from "@cab/core";
export default definePackage({ name: "it" }, () => ({
  name: "it",
  builder: "builtin:write@1",
  env: { text: "hello" },
  rootfs: null,
  outputs: contentAddressed(["out"]),
}));
`;

describe("two at once", () => {
  test("build what both want once", async () => {
    const cwd = building('sleep 2; mkdir "$out"; echo once > "$out/x"');
    const [a, b] = await Promise.all([run(cwd), run(cwd)]);
    expect([a.code, b.code]).toEqual([0, 0]);
    expect(a.stdout).toBe(b.stdout);
    const messages = `${a.stderr}${b.stderr}`;
    expect(messages.match(/building it\n/g)).toHaveLength(1);
    expect(messages).toMatch(/^it is being built by process \d+ \(cab realise it\), for .*; waiting for it$/m);
  });
});

describe("hosts", () => {
  /** Root of a namespace in which no further ones may be made, and then without its capabilities: as in a container. */
  const forbidding = [
    ...["unshare", "--user", "--map-root-user", "sh", "-c"],
    ...['echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"', "sh"],
  ];
  const canForbid = spawnSync(forbidding[0] as string, [...forbidding.slice(1), "true"]).status === 0;

  test.skipIf(!canForbid)("that forbid user namespaces (needs unshare and setpriv of the host)", async () => {
    const { code, stderr } = await cab(["realise", "it"], { root, cwd: building('mkdir "$out"'), under: forbidding });
    expect(code).toBe(1);
    expect(stderr).toContain("this host does not let cab make a sandbox");
    expect(stderr).toContain("user.max_user_namespaces");
  });
});

describe("signals", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s stops the builders and ends with %d", async (signal, code) => {
    const cwd = building(`mkdir "$out"; echo started; sleep 4343`);
    const before = remains();
    const child = startCab(["realise", "it"], { root, cwd });
    await untilRunning("sleep 4343");
    child.kill(signal);
    expect((await child.ended).code).toBe(code);
    expect(running("sleep 4343")).toBe(false);
    expect(remains()).toEqual(before);
  });

  test("kill -9 at any moment leaves no process and a store that goes on", async () => {
    const code = 'mkdir "$out"; for i in {1..200}; do echo $i > "$out/$i"; done; sleep 0.3; echo 4444 > "$out/last"';
    const expected = await realise(["it"], { root: join(folder, "unharmed"), cwd: building(code) });
    const harmed = join(folder, "harmed");
    for (const delay of [60, 150, 250, 350, 450, 550, 650, 750, 900, 1100, 1400]) {
      const child = startCab(["realise", "it"], { root: harmed, cwd: building(code) });
      await sleep(delay);
      child.kill("SIGKILL");
      await child.ended;
    }
    const after = await realise(["it"], { root: harmed, cwd: building(code) });
    expect(after.outputs).toEqual(expected.outputs);
    expect(running(`${harmed}/store/.tmp`)).toBe(false);
    expect(readdirSync(join(harmed, "store")).filter((name) => name.startsWith(".tmp"))).toEqual([]);
    expect(storeObjects(harmed)).toEqual(storeObjects(join(folder, "unharmed")));
  });
});

const running = (words: string): boolean => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(words);

async function untilRunning(words: string): Promise<void> {
  for (let attempts = 0; attempts < 200; attempts++) {
    if (running(words)) return;
    await sleep(50);
  }
  throw new Error(`${words} never ran`);
}
