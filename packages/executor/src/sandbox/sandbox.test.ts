/** The sandbox as builders find it, with real tools: as root where the tests run as root, and as an ordinary user. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { zstdDecompressSync } from "node:zlib";
import { type BuildFailure, type ResolvedDerivation, type StorePath, storePath } from "@cab/core";
import type { Either } from "fp-ts/lib/Either.js";
import { afterAll, describe, expect, test, vi } from "vitest";
import type { EngineOrder } from "../testing/engine.ts";
import { sandboxTree } from "../testing/sandbox-tree.ts";
import { hostSystem } from "./index.ts";
import { probeSandbox } from "./probe.ts";

const ORDINARY_USER = 54321;
const ENGINE = fileURLToPath(new URL("../testing/engine.ts", import.meta.url));

const isRoot = process.getuid?.() === 0;
const tree = hostSystem === "x86_64-linux" ? await sandboxTree() : undefined;
const refusal = tree === undefined ? undefined : await probeSandbox({ tools: tree, path: "" });
const why =
  tree === undefined
    ? "no Debian mirror for the sandbox's tools"
    : refusal === undefined
      ? ""
      : JSON.stringify(refusal);

const top = mkdtempSync(`${tmpdir()}/cab-sandbox-`);
chmodSync(top, 0o755);
afterAll(() => rmSync(top, { recursive: true, force: true }));

const toolsPath = storePath("test:tools", "tools");
const inputPath = storePath("test:input", "input");
const filePath = storePath("test:file", "file");
mkdirSync(`${top}/input`);
writeFileSync(`${top}/input/data`, "declared\n");
writeFileSync(`${top}/file`, "a file\n");

interface Started {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly result: Promise<Either<BuildFailure, void>>;
}

let count = 0;

function start(
  uid: number | undefined,
  drv: Partial<ResolvedDerivation>,
  more: Partial<EngineOrder> = {},
  fds: readonly (number | "ignore")[] = [],
): Started {
  const folder = `${top}/${count++}`;
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const order: EngineOrder = {
    folder,
    drv: {
      name: "thing",
      system: hostSystem,
      builder: "/bin/bash",
      args: [],
      env: {},
      rootfs: toolsPath,
      sandbox: "cab-sandbox@1",
      inputDrvs: {},
      inputSrcs: [],
      outputs: { out: { _tag: "ContentAddressed" } },
      ...drv,
    },
    tools: toolsPath,
    files: {
      [toolsPath]: tree as string,
      [inputPath]: `${top}/input`,
      [filePath]: `${top}/file`,
    } as EngineOrder["files"],
    inputs: [],
    ...more,
  };
  const child = spawn(process.execPath, [ENGINE, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "inherit", ...fds],
    env: { SECRET: "not for builders" },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const result = new Promise<Either<BuildFailure, void>>((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    child.on("close", (_, signal) => {
      if (signal !== null) reject(new Error(`the engine ended by ${signal}`));
      else resolve(JSON.parse(text));
    });
  });
  return { child, folder, result };
}

const logOf = (folder: string): string => zstdDecompressSync(readFileSync(`${folder}/log.zst`)).toString("utf8");

/** Whether any process on this host runs with this word among its arguments. */
const isRunning = (word: string): boolean =>
  readdirSync("/proc").some((pid) => {
    if (!/^[0-9]+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(word);
    } catch {
      return false;
    }
  });

describe.skipIf(why !== "")(`sandbox${why === "" ? "" : ` (skipped: ${why})`}`, () => {
  describe.skipIf(!isRoot)("as root", () => builds(undefined));
  describe("as an ordinary user", () => builds(isRoot ? ORDINARY_USER : undefined));

  function builds(uid: number | undefined): void {
    /** Runs a script; its log, and the failure if it failed. */
    const script = async (text: string, drv: Partial<ResolvedDerivation> = {}, more: Partial<EngineOrder> = {}) => {
      const { folder, result } = start(uid, { args: ["-c", text], ...drv }, more);
      const ended = await result;
      return { failure: ended._tag === "Left" ? ended.left : undefined, log: logOf(folder), folder };
    };

    test("a builder sees a fixed environment and the derivation's own", async () => {
      const { log } = await script(
        'while read -r line; do echo "$line"; done < <(env | sort); id; umask; pwd; uname -n; ulimit -c; ulimit -n',
        { env: { out: "/cab/store/x", TZ: "Europe/Berlin" } },
      );
      expect(log.split("\n").filter((line) => !line.startsWith("_=") && !line.startsWith("SHLVL="))).toEqual([
        "CAB_CORES=7",
        "HOME=/homeless-shelter",
        "LC_ALL=C",
        "PWD=/build",
        "SOURCE_DATE_EPOCH=315532800",
        "TZ=Europe/Berlin",
        "out=/cab/store/x",
        "uid=30001 gid=30000 groups=30000",
        "0022",
        "/build",
        "cab",
        "0",
        "4096",
        "",
      ]);
    });

    test("only declared inputs are there, and nothing but the scratch can be written", async () => {
      const { log, folder } = await script(
        `ls /cab/store; cat ${inputPath}/data ${filePath}
         for place in ${inputPath}/x /x /usr/x /dev/x ${filePath}; do (: > $place) 2>/dev/null && echo "wrote $place"; done
         ls /work /home /root 2>/dev/null
         : > /tmp/x; : > /build/x; : > /dev/shm/x; mkdir /cab/store/out; echo made > /cab/store/out/file; exit 0`,
        {},
        { inputs: [inputPath, filePath] },
      );
      const names = [inputPath, filePath].map((path: StorePath) => path.slice("/cab/store/".length)).sort();
      expect(log.split("\n")).toEqual([...names, "declared", "a file", ""]);
      expect(readFileSync(`${folder}/store/out/file`, "utf8")).toBe("made\n");
      expect(statSync(`${folder}/store/out/file`).mode & 0o777).toBe(0o644);
    });

    test("the network is loopback only, and not the host's", async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const { port } = server.address() as { port: number };
      const { log } = await script(
        `(exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && echo connected; cut -d: -f1 /proc/net/dev | tail -n +3; exit 0`,
      );
      server.close();
      expect(log.trim()).toBe("lo");
    });

    test("standard streams can be opened by their paths", async () => {
      const { log } = await script("echo one > /dev/stderr; echo two > /dev/stdout; echo three; read -r x || echo end");
      expect(log).toBe("one\ntwo\nthree\nend\n");
    });

    test("no privilege is left, and none is to be had", async () => {
      const { log } = await script(
        "while read -r a b; do case $a in Cap*|NoNewPrivs*) echo $a $b;; esac; done < /proc/self/status",
      );
      expect(log.split("\n")).toEqual([
        ...["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"].map((name) => `${name} 0000000000000000`),
        "NoNewPrivs: 1",
        "",
      ]);
    });

    test("a derivation's LD_PRELOAD is met by its builder only", async () => {
      const { log } = await script("echo ran", { env: { LD_PRELOAD: "/build/evil.so" } });
      expect(log.split("\n").filter((line) => line.includes("evil.so")).length).toBe(1);
      expect(log).toContain("ran\n");
    });

    test("descriptors that the engine was given do not reach the builder", async () => {
      const secret = openSync(`${top}/input/data`, "r");
      // Node itself sees to those up to 15.
      const fds = Array.from({ length: 18 }, (_, i) => (i === 17 ? secret : ("ignore" as const)));
      const { folder, result } = start(uid, { args: ["-c", "cat <&20"] }, {}, fds);
      closeSync(secret);
      expect(await result).toMatchObject({ _tag: "Right" });
      expect(logOf(folder)).toBe("");
    });

    test("without a root there is nothing but the mount points", async () => {
      const { failure } = await script("", { rootfs: null });
      expect(failure).toMatchObject({ _tag: "BuilderExited", code: 127, hint: expect.stringContaining("/bin/bash") });
    });

    test.each<[string, BuildFailure]>([
      ["exit 3", { _tag: "BuilderExited", code: 3, signal: null }],
      [
        "nope",
        { _tag: "BuilderExited", code: 127, signal: null, hint: expect.stringContaining("127 is what a shell") },
      ],
      ["kill -SEGV $$", { _tag: "BuilderExited", code: 139, signal: "SIGSEGV" }],
    ])("%s", async (text, failure) => {
      expect((await script(text)).failure).toEqual(failure);
    });

    test("time, silence and the log's size are limited", async () => {
      const [time, silence, size] = await Promise.all([
        script("while :; do echo; done", {}, { limits: { seconds: 1 } }),
        script("echo working; sleep 1000", {}, { limits: { silenceSeconds: 1 } }),
        script("yes 'a line of a log without end'", {}, { limits: { logBytes: 1_000_000 } }),
      ]);
      expect(time.failure).toEqual({ _tag: "BuilderTimedOut", seconds: 1 });
      expect(silence.failure).toEqual({ _tag: "BuilderSilent", seconds: 1 });
      expect(silence.log).toBe("working\n");
      expect(size.failure).toEqual({ _tag: "LogTooLarge", bytes: 1_000_000 });
      expect(size.log.length).toBe(1_000_000);
    });

    test("a log with the value of a secret is not kept, however the builder ended", async () => {
      const secret = "hunter2-hunter2";
      for (const end of ["true", "false"]) {
        const { folder, result } = start(uid, { args: ["-c", `echo the password is ${secret}; ${end}`] }, { secret });
        expect(await result).toEqual({ _tag: "Left", left: { _tag: "SecretInLog", secrets: ["password"] } });
        expect(readdirSync(folder).filter((name) => name.startsWith("log"))).toEqual([]);
      }
      expect((await script("echo no secret; exit 0", {}, { secret })).log).toBe("no secret\n");
    });

    test("memory is limited for each process, if a limit is set", async () => {
      const text = "head -c 400000000 /dev/zero | tail -c 399999999 | head -c 1 > /dev/null; exit 0";
      expect((await script(text, {}, { memoryBytes: 200_000_000 })).log).toMatch(/memory exhausted/);
    });

    test("tools that lack a program say which", async () => {
      const { result } = start(uid, {}, { files: { [toolsPath]: `${top}/input` } });
      const missing = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
      expect(await result).toMatchObject({
        left: { _tag: "SandboxForbidden", reason: `the sandbox's own tools, ${toolsPath}, lack ${missing}` },
      });
    });

    test("what a builder leaves running ends with it", async () => {
      const seconds = String(1_000_000 + count);
      const { failure } = await script(
        `for i in {1..50}; do sleep ${seconds} & disown; done; setsid sleep ${seconds} > /dev/null 2>&1 < /dev/null & exit 0`,
      );
      expect(failure).toBe(undefined);
      expect(isRunning(seconds)).toBe(false);
    });

    test("cancelling ends every process before it is reported", async () => {
      const seconds = String(2_000_000 + count);
      const text = `trap '' TERM INT HUP; sleep ${seconds} & : > /build/started; sleep ${seconds}`;
      expect((await script(text, {}, { cancelOn: "started" })).failure).toEqual({ _tag: "Cancelled" });
      expect(isRunning(seconds)).toBe(false);
    });

    test("kill -9 of the engine ends the whole tree, and the log so far can be read", async () => {
      const seconds = String(3_000_000 + count);
      const text = `echo so far; setsid sleep ${seconds} & : > /build/started; sleep ${seconds}`;
      const { child, folder, result } = start(uid, { args: ["-c", text] });
      await vi.waitFor(() => expect(existsSync(`${folder}/build/started`) && isRunning(seconds)).toBe(true), 10_000);
      // What still is in the pipe dies with the engine.
      await vi.waitFor(() => expect(readFileSync(`${folder}/log`, "utf8")).toBe("so far\n"), 10_000);
      child.kill("SIGKILL");
      await expect(result).rejects.toThrow("SIGKILL");
      await vi.waitFor(() => expect(isRunning(seconds)).toBe(false), 10_000);
      expect(readFileSync(`${folder}/log`, "utf8")).toBe("so far\n");
    });

    test("arguments that cannot be are refused", async () => {
      const bad = (drv: Partial<ResolvedDerivation>) => start(uid, drv).result;
      const failure = (reason: string, builtin = "/bin/bash") => ({
        _tag: "Left",
        left: { _tag: "BadArguments", builtin, reason },
      });
      expect(await bad({ env: { "a=b": "" } })).toEqual(failure('"a=b" cannot name an environment variable'));
      expect(await bad({ env: { a: "\0" } })).toEqual(failure("the environment variable a holds a NUL byte"));
      expect(await bad({ args: ["\0"] })).toEqual(failure("an argument holds a NUL byte"));
      const version = "this cab offers cab-sandbox@1, and the derivation was made for cab-sandbox@2";
      expect(await bad({ sandbox: "cab-sandbox@2" })).toEqual(failure(version));
      expect(await bad({ builder: "bash" })).toEqual(failure('a builder is an absolute path without "="', "bash"));
    });
  }
});
