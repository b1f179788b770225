/**
 * The main job, from nothing: an empty store, the network, and a directory server that answers. Twice, in different
 * folders, by different users, with different --jobs; the second time from a fresh copy of the checkout with an empty
 * home, so that whatever a fresh machine needs is installed on the way.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { ADMIN, type DirectoryServer, ENTRIES, startDirectory } from "./directory-server.ts";
import { mappedFiles } from "./processes.ts";
import {
  type CabOptions,
  CHECKOUT,
  cab,
  closureFolders,
  copyRecipes,
  filesIn,
  isRoot,
  type RealiseReport,
  realise,
  removeFolder,
  storeObjects,
  temporaryFolder,
  UNPRIVILEGED,
} from "./support.ts";

const folder = temporaryFolder("ldap");
const root = join(folder, "first");
const as: CabOptions = { root };
let first: RealiseReport;
let firstObjects: string[];

beforeAll(async () => {
  first = await realise(["ldap-server"], { ...as, args: ["--jobs", "2"] });
  firstObjects = storeObjects(root);
  // For the other files of this run, whose subject is not how this was built.
  expect(await cab(["push", "--build-closure", inject("cache"), "ldap-server"], as)).toMatchObject({ code: 0 });
});
afterAll(() => removeFolder(folder));

const rolePath = (report: RealiseReport): string => report.outputs["ldap-server"]?.out ?? "";

const ABOVE_ZLIB = ["cyrus-sasl-2.1.28", "ldap-server", "openldap-2.5.13", "openssl-3.0.20"];

const COMMENT = `--- a/zutil.c
+++ b/zutil.c
@@ -3,3 +3,4 @@
  * For conditions of distribution and use, see copyright notice in zlib.h
  */
+/* A remark that no compiler minds. */
 
`;

const CHANGE = `--- a/zutil.c
+++ b/zutil.c
@@ -13,3 +13,3 @@
 z_const char * const z_errmsg[10] = {
-    (z_const char *)"need dictionary",     /* Z_NEED_DICT       2  */
+    (z_const char *)"needs dictionary",    /* Z_NEED_DICT       2  */
     (z_const char *)"stream end",          /* Z_STREAM_END      1  */
`;

/** Gives zlib's recipe one patch more. */
function patchZlib(recipes: string, text: string): void {
  const recipe = join(recipes, "derivations/libraries/zlib.ts");
  writeFileSync(join(recipes, "derivations/libraries/zlib.patch"), text);
  writeFileSync(
    recipe,
    `import { debianSource, local } from "@cab/core";
import { autotools } from "../lib/autotools.ts";

export default autotools({
  name: "zlib",
  version: "1.2.13",
  source: ({ version }) => debianSource({ package: "zlib", file: \`zlib_\${version}.dfsg.orig.tar.bz2\` }),
  patches: [local(import.meta, "./zlib.patch")],
  configure: () => ["--shared"],
  provides: { libs: ["z"] },
});
`,
  );
}

describe("cab realise ldap-server", () => {
  test("from an empty store prints a store path, having built everything from source", () => {
    expect(rolePath(first)).toMatch(/^\/cab\/store\/[0-9a-z]{32}-ldap-server$/);
    expect(first.cutoff).toEqual([]);
    expect([...first.built].sort()).toEqual(
      [
        ...["busybox-1.35.0", "cc-wrapper-12", "cyrus-sasl-2.1.28", "ldap-server", "libc-2.36", "libtool-2.4.7"],
        ...["openldap-2.5.13", "openssl-3.0.20", "sandbox", "sandbox-packages", "seed", "seed-packages", "zlib-1.2.13"],
      ].sort(),
    );
  });

  test("again builds and fetches nothing", async () => {
    const again = await realise(["ldap-server"], as);
    const nothing = { built: [], fetched: [], cutoff: [], elsewhere: [] };
    expect(again).toEqual({ outputs: first.outputs, ...nothing, seconds: again.seconds });
    const plain = await cab(["realise", "ldap-server"], as);
    expect(plain).toMatchObject({ code: 0, stdout: `${rolePath(first)}\n`, stderr: "" });
  });

  test("has a closure below 40 MB without compilers, headers, .la files or anything of the seed but libc", () => {
    const folders = closureFolders(root, rolePath(first));
    const names = folders.map((object) => object.split("/").at(-1)?.slice(33)).sort();
    expect(names).toEqual(
      [
        ...["busybox-1.35.0", "cyrus-sasl-2.1.28", "ldap-server", "libc-2.36", "libtool-2.4.7"],
        ...["openldap-2.5.13", "openssl-3.0.20", "zlib-1.2.13"],
      ].sort(),
    );
    const files = folders.flatMap(filesIn);
    expect(files.filter((file) => /\.(h|la|a|pc)$|\/(gcc|cc|ld|as)$/.test(file))).toEqual([]);
    expect(files.filter((file) => readFileSync(file).includes("/usr/lib/x86_64-linux-gnu"))).toEqual([]);
    expect(files.reduce((bytes, file) => bytes + statSync(file).size, 0)).toBeLessThan(40e6);
  });
});

describe("after a change", () => {
  const recipes = copyRecipes(join(folder, "workspace"));
  const changed = { root, cwd: recipes };

  test("of nothing but the place of the recipes, nothing is built", async () => {
    const { outputs, built, fetched } = await realise(["ldap-server"], changed);
    expect({ outputs, built, fetched }).toEqual({ outputs: first.outputs, built: [], fetched: [] });
  });

  test("of every URL, nothing is fetched or built", async () => {
    const lock = readFileSync(join(recipes, "derivations/cab.lock"), "utf8");
    writeFileSync(join(recipes, "cab.lock"), lock.replaceAll("mirror://debian/", "http://127.0.0.1:9/elsewhere/"));
    const { outputs, built, fetched } = await realise(["ldap-server"], changed);
    rmSync(join(recipes, "cab.lock"));
    expect({ outputs, built, fetched }).toEqual({ outputs: first.outputs, built: [], fetched: [] });
  });

  test("a comment in zlib's source rebuilds zlib alone, and everything above it is cut off", async () => {
    patchZlib(recipes, COMMENT);
    const { built, fetched, cutoff } = await realise(["ldap-server"], changed);
    expect({ built, fetched, cutoff: [...cutoff].sort() }).toEqual({
      built: ["zlib-1.2.13"],
      fetched: [],
      cutoff: ABOVE_ZLIB,
    });
  });

  test("a real change in zlib rebuilds zlib and what depends on it, and nothing else", async () => {
    patchZlib(recipes, CHANGE);
    const { built, fetched, cutoff } = await realise(["ldap-server"], changed);
    expect({ built: [...built].sort(), fetched, cutoff }).toEqual({
      built: [...ABOVE_ZLIB, "zlib-1.2.13"].sort(),
      fetched: [],
      cutoff: [],
    });
  });

  test("from a full cache an empty store fetches the run-time closure and nothing else", async () => {
    const cache = join(folder, "cache");
    expect(await cab(["push", cache, "ldap-server"], changed)).toMatchObject({ code: 0 });
    const empty = { root: join(folder, "empty"), cwd: recipes };
    const report = await realise(["ldap-server"], { ...empty, args: ["--from", cache] });
    const closure = closureFolders(empty.root, report.outputs["ldap-server"]?.out ?? "");
    const names = closure.map((object) => object.split("/").at(-1)?.slice(33)).sort();
    expect(report).toMatchObject({ built: [], cutoff: [] });
    expect([...report.fetched].sort()).toEqual(names);
  });
});

describe("the directory server", () => {
  // As a user without privileges where we are root: the store is then that user's own.
  const uid = isRoot ? UNPRIVILEGED : undefined;
  const home = temporaryFolder("home", uid);
  const state = temporaryFolder("state", uid);
  const user: CabOptions = {
    root: null,
    checkout: join(home, "checkout"),
    env: { HOME: home },
    ...(uid === undefined ? {} : { uid }),
  };
  const usersRoot = join(home, ".local/share/cab");
  let second: RealiseReport;
  let server: DirectoryServer;

  beforeAll(async () => {
    const checkout = join(home, "checkout");
    mkdirSync(checkout);
    for (const file of execFileSync("git", ["-C", CHECKOUT, "ls-files", "-co", "--exclude-standard"], {
      encoding: "utf8",
    })
      .trim()
      .split("\n")) {
      if (existsSync(join(CHECKOUT, file))) cpSync(join(CHECKOUT, file), join(checkout, file));
    }
    if (uid !== undefined) execFileSync("chown", ["-R", `${uid}:${uid}`, checkout]);
    second = await realise(["ldap-server"], { ...user, args: ["--jobs", "1"] });
    server = await startDirectory(state, user);
  });
  afterAll(() => {
    removeFolder(home);
    removeFolder(state);
  });

  test("was built by a user without privileges, with one job, to the same paths throughout", () => {
    expect(second.outputs).toEqual(first.outputs);
    expect(storeObjects(usersRoot)).toEqual(firstObjects);
  });

  test("holds the entries that were loaded, over ldapi", async () => {
    const found = await server.tool("ldapsearch", "-Q", "-LLL", "-Y", "EXTERNAL", "(objectClass=*)", "dn");
    // The suffix's own entry is there besides.
    expect(found.stdout.match(/^dn:/gm)).toHaveLength(ENTRIES + 1);
  });

  test("answers over ldap", async () => {
    const bind = ["-x", "-H", server.url, "-D", ADMIN, "-w", "secret"];
    const found = await server.tool("ldapsearch", "-LLL", ...bind, "(uid=u7)", "cn");
    expect(found).toMatchObject({ code: 0, stdout: "dn: uid=u7,ou=people,dc=example,dc=org\ncn: User 7\n\n" });
  });

  test("answers with STARTTLS, and the client checks its certificate", async () => {
    const bind = ["-x", "-H", server.url, "-D", ADMIN, "-w", "secret", "(uid=u7)", "cn"];
    expect(await server.tool("ldapsearch", "-LLL", "-ZZ", ...bind)).toMatchObject({ code: 0 });
    const distrusting = await server.tool("ldapsearch", "-ZZ", "-o", "TLS_CACERT=/dev/null", ...bind);
    expect(distrusting).toMatchObject({ code: 1, stderr: "ldap_start_tls: Connect error (-11)\n" });
  });

  test("authenticates with SASL SCRAM", async () => {
    const whoami = (password: string) =>
      server.tool("ldapwhoami", "-Q", "-Y", "SCRAM-SHA-256", "-U", "alice", "-w", password, "-H", server.url);
    expect(await whoami("wonderland")).toMatchObject({
      code: 0,
      stdout: "dn:uid=alice,ou=people,dc=example,dc=org\n",
    });
    expect((await whoami("looking-glass")).stderr).toContain("Invalid credentials");
  });

  test("maps nothing from outside the store but its own data", () => {
    const foreign = mappedFiles(server.pid).filter(
      (file) =>
        !file.startsWith("/cab/") &&
        !file.startsWith(join(usersRoot, "store/")) &&
        !file.startsWith(join(usersRoot, "state/")),
    );
    expect(foreign).toEqual([]);
  });

  test("ends cleanly", async () => {
    expect(await server.stop()).toBe(0);
  });
});
