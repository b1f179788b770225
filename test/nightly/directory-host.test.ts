/**
 * A directory server's life on one host, as a user without privileges: another openssl, a version that cannot work, two
 * generations back, and fifty switches under constant load. What clients noticed is printed.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ENTRIES, people } from "../e2e/directory-server.ts";
import { freePort } from "../e2e/processes.ts";
import {
  type CabOptions,
  cab,
  type Ended,
  fromCache,
  isRoot,
  removeFolder,
  temporaryFolder,
  UNPRIVILEGED,
  workspace,
} from "../e2e/support.ts";

const uid = isRoot ? UNPRIVILEGED : undefined;
const folder = temporaryFolder("directory-host", uid);
const root = join(folder, "root");
const recipes = join(folder, "workspace");
const as: CabOptions = { root, cwd: recipes, env: { HOME: folder }, ...(uid === undefined ? {} : { uid }) };
const ROLE = "ldap-server";
const PASSWORD = "correct horse battery staple";
let port = 0;

/** The shipped role, changed by the given statement. */
function useRole(change: string): void {
  workspace(recipes, {
    [`derivations/${ROLE}.ts`]: `import { content, rewriteInputs } from "@cab/core";
import openssl from "@cab/derivations/libraries/openssl.ts";
import shipped from "@cab/derivations/roles/ldap-server.ts";
import { serverRole } from "@cab/derivations/lib/server-role.ts";

export default ${change};
`,
  });
}

const AS_SHIPPED = "shipped.with({})";
const OTHER_OPENSSL = "rewriteInputs(shipped, [[openssl, openssl.with({ options: { legacy: false } })]])";
const WRONG_MODULE = `serverRole({
  ...shipped.spec,
  files: (role) => ({
    ...shipped.spec.files?.(role),
    "slapd.conf": content\`moduleload no-such-module.so
\${shipped.spec.files?.(role)["slapd.conf"] ?? []}\`,
  }),
})`;

const OTHER_FORMAT = `serverRole({
  ...shipped.spec,
  state: {
    directory: (role) => ({ ...shipped.spec.state?.directory?.(role), format: "openldap-mdb-next", converts: "ldif" }),
  },
})`;

const params = (more = ""): void => writeFileSync(join(root, `etc/${ROLE}.params`), `port = ${port}\n${more}`);

async function done(ended: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await ended;
  if (code !== 0) throw new Error(`it ended with ${code}:\n${stderr}`);
  return stdout;
}

const switchRole = (): Promise<Ended> => cab(["switch", ...fromCache(), ROLE], as);
const current = (): string => readlinkSync(join(root, "var/profiles", ROLE, "current"));

async function entries(): Promise<number> {
  const bind = ["-x", "-H", `ldap://127.0.0.1:${port}`, "-D", "cn=admin,dc=example,dc=org", "-w", PASSWORD];
  const found = await done(cab(["run", ROLE, "ldapsearch", "-LLL", ...bind, "-b", "dc=example,dc=org", "dn"], as));
  return found.match(/^dn:/gm)?.length ?? 0;
}

async function add(ldif: string): Promise<void> {
  const file = join(folder, "add.ldif");
  writeFileSync(file, ldif);
  const bind = ["-x", "-H", `ldap://127.0.0.1:${port}`, "-D", "cn=admin,dc=example,dc=org", "-w", PASSWORD];
  await done(cab(["run", ROLE, "ldapadd", ...bind, "-f", file], as));
}

const dataFormat = (): string | undefined =>
  /@(.*)\.[0-9]+$/.exec(readlinkSync(join(root, "state", ROLE, "directory")))?.[1];

/** A search of the root entry without attributes, see RFC 4511; its answer ends with a result of success. */
const SEARCH = Buffer.from(
  "300c020101" +
    "6325" +
    "0400" +
    "0a0100" +
    "0a0100" +
    "020100" +
    "020100" +
    "010100" +
    "870b6f626a656374436c617373" +
    "3000",
  "hex",
);
SEARCH[1] = SEARCH.length - 2;
SEARCH[6] = SEARCH.length - 7;
const SUCCESS = Buffer.from("65070a010004000400", "hex");

const ask = (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(SEARCH));
    let answer = Buffer.alloc(0);
    socket.setTimeout(5000, () => socket.destroy());
    socket.on("data", (bytes) => {
      answer = Buffer.concat([answer, bytes]);
      if (answer.includes(SUCCESS)) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer.includes(SUCCESS)));
  });

interface Noticed {
  answered: number;
  failed: number;
  /** The longest time without an answer, in milliseconds. */
  longest: number;
}

/** Clients that ask again and again while something is done. */
async function underLoad(clients: number, action: () => Promise<void>): Promise<Noticed> {
  const noticed: Noticed = { answered: 0, failed: 0, longest: 0 };
  let ending = false;
  let last = performance.now();
  const client = async (): Promise<void> => {
    while (!ending) {
      if (await ask()) {
        noticed.answered++;
        noticed.longest = Math.max(noticed.longest, performance.now() - last);
        last = performance.now();
      } else {
        noticed.failed++;
        await sleep(10);
      }
    }
  };
  const running = Array.from({ length: clients }, client);
  try {
    await action();
  } finally {
    ending = true;
    await Promise.all(running);
  }
  return { ...noticed, longest: Math.round(noticed.longest) };
}

beforeAll(async () => {
  port = await freePort();
  mkdirSync(join(root, "etc/secrets"), { recursive: true });
  writeFileSync(join(root, "etc/secrets/ldap-root-password"), PASSWORD, { mode: 0o600 });
  params();
  useRole(AS_SHIPPED);
  if (uid !== undefined) execFileSync("chown", ["-R", `${uid}:${uid}`, folder]);
  await done(switchRole());
  await add(people());
});
afterAll(async () => {
  await cab(["down", ROLE], as);
  removeFolder(folder);
});

test("entries are there with another openssl", async () => {
  useRole(OTHER_OPENSSL);
  // Building takes minutes, of which clients notice nothing.
  await done(cab(["realise", ...fromCache(), ROLE], as));
  const noticed = await underLoad(2, () => done(switchRole()).then(() => {}));
  console.log(`another openssl: ${JSON.stringify(noticed)}`);
  expect([current(), await entries()]).toEqual(["generation-2", ENTRIES + 1]);
  const maps = readFileSync(
    `/proc/${readFileSync(join(root, `run/${ROLE}/service/slapd/supervise/pid`), "utf8").trim()}/maps`,
    "utf8",
  );
  expect(new Set(maps.match(/[^/]*-openssl-[^/]*/g)).size).toBe(1);
});

test("a version that cannot work goes back by itself, and the directory answers but for the restarts", async () => {
  useRole(WRONG_MODULE);
  let ended: Ended | undefined;
  const noticed = await underLoad(2, async () => {
    ended = await switchRole();
  });
  console.log(`a wrong module: ${JSON.stringify(noticed)}`);
  expect([ended?.code, current(), await entries()]).toEqual([1, "generation-2", ENTRIES + 1]);
  expect(ended?.stderr).toContain("no-such-module");
  expect(noticed.answered).toBeGreaterThan(0);
});

test("two generations back", async () => {
  useRole(OTHER_OPENSSL);
  params("log = stats\n");
  await done(switchRole());
  const last = current();
  await done(cab(["rollback", ROLE], as));
  expect(current()).toBe("generation-2");
  await done(cab(["rollback", ROLE], as));
  expect([current(), await entries()]).toEqual(["generation-1", ENTRIES + 1]);
  expect(last).not.toBe("generation-2");
  params();
});

test("ten thousand entries go through LDIF into another format, and back with what was written meanwhile", async () => {
  const more = Array.from({ length: 10_000 - ENTRIES }, (_, i) => {
    const name = `more${i}`;
    return `dn: uid=${name},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: ${name}\ncn: ${name}\nsn: ${name}\n`;
  });
  await add(more.join("\n"));
  expect(await entries()).toBe(10_001);
  useRole(OTHER_FORMAT);
  const there = await underLoad(2, () => done(switchRole()).then(() => {}));
  expect([dataFormat(), await entries()]).toEqual(["openldap-mdb-next", 10_001]);
  await add("dn: uid=late,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: late\ncn: late\nsn: late\n");
  const back = await underLoad(2, () => done(cab(["rollback", ROLE], as)).then(() => {}));
  console.log(`ten thousand entries: there ${JSON.stringify(there)}, back ${JSON.stringify(back)}`);
  expect([dataFormat(), await entries()]).toEqual(["openldap-mdb-2.5", 10_002]);
});

test("fifty switches under load: each is done, and clients miss the server only while it restarts", async () => {
  useRole(AS_SHIPPED);
  const noticed = await underLoad(4, async () => {
    for (let i = 0; i < 50; i++) {
      params(`log = ${i % 2 === 0 ? "stats" : "none"}\n`);
      await done(switchRole());
    }
  });
  console.log(`fifty switches: ${JSON.stringify(noticed)}`);
  expect(await entries()).toBe(10_002);
  expect(noticed.answered).toBeGreaterThan(noticed.failed);
});
