/**
 * A web application of many parts, all of them from source: nginx, uwsgi, Python and a C extension of it, with redis and
 * the directory server beside them. One request goes through all of them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DirectoryServer, startDirectory } from "../e2e/directory-server.ts";
import { descendants, freePort, isRunning, mappedFiles, processBelow, untilReady } from "../e2e/processes.ts";
import {
  type CabOptions,
  cab,
  closureFolders,
  type Ended,
  filesIn,
  fromCache,
  type RealiseReport,
  realise,
  removeFolder,
  startCab,
  temporaryFolder,
  workspace,
} from "../e2e/support.ts";

type Server = ReturnType<typeof startCab>;

const folder = temporaryFolder("webapp");
const root = join(folder, "root");
afterAll(() => removeFolder(folder));

describe("the application", () => {
  const state = temporaryFolder("webapp-state");
  const file = (name: string): string => join(state, name);
  let report: RealiseReport;
  let directory: DirectoryServer;
  let redis: Server;
  let redisPort: string;
  let server: Server;
  let listen: string;
  let as: CabOptions;

  const webapp = (...argv: readonly string[]): Promise<Ended> => cab(["run", "webapp", "webapp", ...argv], as);
  const start = async (): Promise<Server> => {
    const started = startCab(["run", "webapp", "webapp", "start"], as);
    await untilReady(async () => (await webapp("health")).code === 0, started);
    return started;
  };
  const startRedis = async (): Promise<Server> => {
    const started = startCab(["run", "redis", "redis-server", "--port", redisPort, "--save", "", "--dir", state], {
      root,
    });
    await untilReady(async () => (await redisCli("ping")).stdout === "PONG\n", started);
    return started;
  };
  const redisCli = (...argv: readonly string[]): Promise<Ended> =>
    cab(["run", "redis", "redis-cli", "-p", redisPort, ...argv], { root });
  const get = async (path: string): Promise<{ readonly status: number; readonly body: unknown }> => {
    const response = await fetch(`http://${listen}${path}`);
    return { status: response.status, body: await response.json() };
  };
  const stop = async (process: Server): Promise<number | null> => {
    process.kill("SIGTERM");
    return (await process.ended).code;
  };

  beforeAll(async () => {
    report = await realise(["webapp", "redis", "ldap-server"], { root, args: fromCache() });
    directory = await startDirectory(state, { root });
    writeFileSync(
      file("zoë.ldif"),
      `dn: uid=zoë,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: zoë
cn: Zoë Ångström 雪
sn: Ångström
mail: zoe@example.org
`,
    );
    expect(await directory.tool("ldapadd", "-Q", "-Y", "EXTERNAL", "-f", file("zoë.ldif"))).toMatchObject({ code: 0 });
    redisPort = String(await freePort());
    redis = await startRedis();
    listen = `127.0.0.1:${await freePort()}`;
    writeFileSync(file("alice"), "wonderland\n", { mode: 0o600 });
    as = {
      root,
      cwd: state,
      env: {
        WEBAPP_RUN: file("webapp"),
        WEBAPP_LISTEN: listen,
        WEBAPP_REDIS_URL: `redis://127.0.0.1:${redisPort}/0`,
        WEBAPP_LDAP_URL: directory.url,
        WEBAPP_LDAP_BIND_DN: "uid=alice,ou=people,dc=example,dc=org",
        WEBAPP_LDAP_PASSWORD_FILE: file("alice"),
        // Of the host: none of these may reach the program.
        PYTHONPATH: state,
        PYTHONHOME: state,
        LANG: "de_DE.ISO-8859-1",
      },
    };
    server = await start();
  });
  afterAll(async () => {
    await stop(server);
    await stop(redis);
    await directory.stop();
    removeFolder(state);
  });

  test("answers with what the directory knows, and counts in redis", async () => {
    const known = { uid: ["u7"], cn: ["User 7"] };
    expect(await get("/people/u7")).toEqual({ status: 200, body: { ...known, lookups: 1 } });
    expect(await get("/people/u7")).toEqual({ status: 200, body: { ...known, lookups: 2 } });
    expect(await redisCli("get", "lookups:u7")).toMatchObject({ stdout: "2\n" });
    expect(await get("/people/nobody")).toEqual({ status: 404, body: { error: "nothing is at /people/nobody" } });
    expect(await redisCli("get", "lookups:nobody")).toMatchObject({ stdout: "\n" });
  });

  test("passes on what is not ASCII as it is: path, search, answer, and what the interpreter takes for granted", async () => {
    expect(await get("/people/zo%C3%AB")).toEqual({
      status: 200,
      body: { uid: ["zoë"], cn: ["Zoë Ångström 雪"], mail: ["zoe@example.org"], lookups: 1 },
    });
    expect(await redisCli("--raw", "keys", "lookups:zo*")).toMatchObject({ stdout: "lookups:zoë\n" });
    expect(await get("/health")).toEqual({
      status: 200,
      body: { encodings: { filesystem: "utf-8", stderr: "utf-8" } },
    });
  });

  test("is Python in a virtual environment of the store, whose packages are the program's and no others", async () => {
    const asked = "import importlib.metadata as m, sys; print(sys.prefix, *sorted(d.name for d in m.distributions()))";
    const { stdout } = await webapp("exec", "python3", "-c", asked);
    const [prefix, ...packages] = stdout.trim().split(" ");
    expect(prefix).toMatch(/^\/cab\/store\/[0-9a-z]{32}-webapp-python$/);
    expect(packages).toEqual(["async-timeout", "pyasn1", "pyasn1_modules", "python-ldap", "redis", "webapp"]);
  });

  test("maps nothing from outside the store, in any of its processes", () => {
    const processes = descendants(server.pid as number).filter(({ program }) =>
      /^(uwsgi|nginx|busybox)$/.test(program),
    );
    expect(processes.map(({ program }) => program).sort()).toEqual(
      // A master and two that answer; a master and one that serves.
      ["busybox", "nginx", "nginx", "uwsgi", "uwsgi", "uwsgi"],
    );
    const foreign = processes
      .flatMap(({ pid }) => mappedFiles(pid))
      // Memory that processes share has this name, and no file.
      .filter((mapped) => mapped !== "/dev/zero (deleted)")
      .filter((mapped) => !mapped.startsWith("/cab/store/") && !mapped.startsWith(join(root, "store/")));
    expect(foreign).toEqual([]);
  });

  test("has a closure without compilers, headers, what only builds need, or anything of the seed but libc", () => {
    const folders = closureFolders(root, report.outputs.webapp?.out ?? "");
    expect(folders.map((object) => object.split("/").at(-1)?.slice(33)).sort()).toEqual(
      [
        ...["async-timeout-5.0.1", "busybox-1.35.0", "bzip2-1.0.8", "cyrus-sasl-2.1.28", "expat-2.5.0", "glibc-2.36"],
        ...["libffi-3.4.4", "libtool-2.4.7", "libxcrypt-4.4.33", "nginx-1.22.1", "openldap-2.5.13", "openssl-3.0.20"],
        ...["pcre2-10.42", "pyasn1-0.6.1", "pyasn1-modules-0.4.1", "python-ldap-3.4.4", "python-redis-6.1.0"],
        ...["python3-3.11.2", "sqlite-3.40.1", "uwsgi-2.0.21", "webapp", "webapp-program-1.0", "webapp-python"],
        ...["xz-5.4.1", "zlib-1.2.13"],
      ].sort(),
    );
    const files = folders.flatMap(filesIn);
    expect(files.filter((each) => /\.(h|la|a|pc)$|\/(gcc|cc|ld|as)$/.test(each))).toEqual([]);
    expect(files.filter((each) => readFileSync(each).includes("/usr/lib/x86_64-linux-gnu"))).toEqual([]);
    // Flags of byte code, PEP 552: found by its source's hash, and never compared with it.
    const bytecode = files.filter((each) => each.endsWith(".pyc"));
    expect(bytecode.length).toBeGreaterThan(500);
    expect(bytecode.filter((each) => readFileSync(each).readUInt32LE(4) !== 1)).toEqual([]);
  });

  test("says so while redis is away, and goes on when it is back", async () => {
    await stop(redis);
    expect(await get("/people/u8")).toMatchObject({ status: 503 });
    expect((await webapp("health")).code).toBe(1);
    redis = await startRedis();
    expect(await get("/people/u8")).toMatchObject({ status: 200, body: { lookups: 1 } });
  });

  test("ends with an error, and wholly, if one of its servers ends by itself", async () => {
    const children = descendants(server.pid as number);
    process.kill(processBelow(server.pid as number, "nginx"), "SIGTERM");
    expect(await server.ended).toMatchObject({ code: 1 });
    expect(children.filter(isRunning)).toEqual([]);
    server = await start();
  });

  test("ends cleanly, and wholly, when it is asked to", async () => {
    const children = descendants(server.pid as number);
    expect(await stop(server)).toBe(0);
    expect(children.filter(isRunning)).toEqual([]);
  });
});

describe("a Python project of one's own", () => {
  // The interpreter is there already, linked with this one.
  const args = [...fromCache(), "--libc", "source"];
  const cwd = workspace(join(folder, "project"), {
    "derivations/checksum.ts": `import { local } from "@cab/core";
import { pythonPackage } from "@cab/derivations/lib/python-package.ts";
import zlib from "@cab/derivations/libraries/zlib.ts";

export default pythonPackage({
  name: "checksum",
  version: "1.0",
  source: local(import.meta, "./checksum"),
  inputs: { zlib },
  modules: ["checksum"],
});
`,
    "derivations/checksum/pyproject.toml": `[project]
name = "checksum"
version = "1.0"
scripts = { checksum = "checksum:main" }

[tool.setuptools]
py-modules = ["checksum"]
ext-modules = [{ name = "_checksum", sources = ["_checksum.c"], libraries = ["z"] }]
`,
    "derivations/checksum/checksum.py": `import sys
import _checksum

def main():
    print(_checksum.of(sys.argv[1].encode()))
`,
    "derivations/checksum/_checksum.c": `#include <Python.h>
#include <zlib.h>

static PyObject *of(PyObject *self, PyObject *args) {
  Py_buffer given;
  if (!PyArg_ParseTuple(args, "y*", &given)) return NULL;
  unsigned long sum = crc32(0, given.buf, given.len);
  PyBuffer_Release(&given);
  return PyLong_FromUnsignedLong(sum);
}

static PyMethodDef functions[] = {{"of", of, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_checksum", NULL, -1, functions};
PyMODINIT_FUNC PyInit__checksum(void) { return PyModule_Create(&module); }
`,
    "derivations/tools.ts": `import { pythonEnvironment } from "@cab/derivations/lib/python-environment.ts";
import checksum from "./checksum.ts";

export default pythonEnvironment({ name: "tools", packages: { checksum } });
`,
    "derivations/demanding.ts": `import { local } from "@cab/core";
import { pythonPackage } from "@cab/derivations/lib/python-package.ts";
import checksum from "./checksum.ts";

export default pythonPackage({
  name: "demanding",
  version: "1.0",
  source: local(import.meta, "./demanding"),
  inputs: { checksum },
  modules: [],
});
`,
    "derivations/demanding/pyproject.toml": `[project]
name = "demanding"
version = "1.0"
dependencies = ["checksum >= 2", "absent; python_version < '3'"]
`,
  });

  test("with an extension in C builds without a flag, and its program runs in an environment", async () => {
    expect(await cab(["run", ...args, "tools", "checksum", "hello"], { root, cwd })).toMatchObject({
      code: 0,
      stdout: `${crc32("hello")}\n`,
    });
  });

  test("that requires what is not among its inputs does not build, and the message says what", async () => {
    const { code, stderr } = await cab(["realise", ...args, "demanding"], { root, cwd });
    expect(code).toBe(1);
    expect(stderr).toContain("demanding requires checksum>=2, found 1.0; add the package that has it to inputs\n");
    expect(stderr).not.toContain("absent");
  });
});
