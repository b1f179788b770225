/** A directory and its copy, both on loopback: what is written to the one is read from the other, and only there is written. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "./processes.ts";
import {
  type CabOptions,
  cab,
  type Ended,
  fromCache,
  isRoot,
  removeFolder,
  temporaryFolder,
  UNPRIVILEGED,
} from "./support.ts";

const uid = isRoot ? UNPRIVILEGED : undefined;
const folder = temporaryFolder("replica", uid);
const root = join(folder, "root");
const as: CabOptions = { root, env: { HOME: folder }, ...(uid === undefined ? {} : { uid }) };
const ADMIN = "cn=admin,dc=example,dc=org";
let provider = "";
let replica = "";

const write = (file: string, text: string): string => {
  const path = join(folder, file);
  writeFileSync(path, text);
  // Read by a user of this test's own making.
  chmodSync(path, 0o644);
  return path;
};

async function ok(ended: Promise<Ended>): Promise<void> {
  const { code, stderr } = await ended;
  if (code !== 0) throw new Error(`it ended with ${code}:\n${stderr}`);
}

beforeAll(async () => {
  const secrets = ["ldap-root-password", "ldap-replication-password"];
  mkdirSync(join(root, "etc/secrets"), { recursive: true });
  const [first, second] = [await freePort(), await freePort()];
  provider = `ldap://127.0.0.1:${first}`;
  replica = `ldap://127.0.0.1:${second}`;
  writeFileSync(join(root, "etc/ldap-server.params"), `port = ${first}\n`);
  writeFileSync(
    join(root, "etc/ldap-replica.params"),
    `port = ${second}\nserverId = 2\nprovider = ${provider}\nstartTls = no\n`,
  );
  // What a configuration file would take for its own, were it not escaped.
  for (const name of secrets) writeFileSync(join(root, "etc/secrets", name), 'pass "word\\ #1', { mode: 0o600 });
  if (uid !== undefined) execFileSync("chown", ["-R", `${uid}:${uid}`, folder]);
  for (const role of ["ldap-server", "ldap-replica"]) await ok(cab(["switch", ...fromCache(), role], as));
});
afterAll(async () => {
  for (const role of ["ldap-replica", "ldap-server"]) await cab(["down", role], as);
  removeFolder(folder);
});

const tool = (...words: readonly string[]): Promise<Ended> => cab(["run", "ldap-server", ...words], as);
const bind = (url: string): string[] => ["-x", "-H", url, "-D", ADMIN, "-w", 'pass "word\\ #1'];
const find = (url: string, filter: string): Promise<Ended> =>
  tool("ldapsearch", "-LLL", ...bind(url), "-b", "dc=example,dc=org", filter, "cn");

async function eventually(url: string, filter: string): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const { stdout } = await find(url, filter);
    if (stdout !== "") return stdout;
    await sleep(100);
  }
  throw new Error(`${url} never had ${filter}`);
}

const entry = (uid: string): string =>
  `dn: uid=${uid},dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\n`;

test("what is written to the directory is soon in its copy", async () => {
  expect(await tool("ldapadd", ...bind(provider), "-f", write("alice.ldif", entry("alice")))).toMatchObject({
    code: 0,
  });
  expect(await eventually(replica, "(uid=alice)")).toBe("dn: uid=alice,dc=example,dc=org\ncn: alice\n\n");
});

test("the copy takes no writes, and says where they go", async () => {
  const { code, stderr } = await tool("ldapadd", ...bind(replica), "-f", write("bob.ldif", entry("bob")));
  expect({ code, said: stderr.includes(provider) }).toEqual({
    code: 10,
    said: true,
  });
});

test("the copy answers while the directory is away, and catches up when it is back", async () => {
  await ok(cab(["down", "ldap-server"], as));
  expect((await find(replica, "(uid=alice)")).stdout).toContain("cn: alice\n");
  await ok(cab(["switch", ...fromCache(), "ldap-server"], as));
  expect(await tool("ldapadd", ...bind(provider), "-f", write("carol.ldif", entry("carol")))).toMatchObject({
    code: 0,
  });
  expect(await eventually(replica, "(uid=carol)")).toContain("cn: carol\n");
});
