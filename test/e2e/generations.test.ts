/**
 * Generations of a role on a host, with the real directory server: switching, going back, converting its data, and what a kill -9
 * at each phase leaves. The server is asked over its socket; nothing but loopback is used.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "./processes.ts";
import {
  type CabOptions,
  CHECKOUT,
  cab,
  type Ended,
  filesIn,
  fromCache,
  removeFolder,
  startCab,
  storeObjects,
  temporaryFolder,
  workspace,
} from "./support.ts";

const folder = temporaryFolder("generations");
const root = join(folder, "root");
const recipes = workspace(join(folder, "workspace"), {});
const as: CabOptions = { root, cwd: recipes };
const ROLE = "ldap-server";
const PASSWORD = "correct horse battery staple";
const profile = join(root, "var/profiles", ROLE);
const paramsFile = join(root, "etc", `${ROLE}.params`);
let port: number;

beforeAll(async () => {
  port = await freePort();
  useRole({});
  mkdirSync(join(root, "etc/secrets"), { recursive: true });
  writeFileSync(paramsFile, `port = ${port}\n`);
});
afterAll(async () => {
  await cab(["down", ROLE], as);
  removeFolder(folder);
});

const switchRole = (...flags: string[]): Promise<Ended> => cab(["switch", ...fromCache(), ...flags, ROLE], as);

/** Fails with what the command said unless it succeeded. */
async function done(ended: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await ended;
  if (code !== 0) throw new Error(`it ended with ${code}:\n${stderr}`);
  return stdout;
}

interface Listed {
  readonly number: number;
  readonly standing: string;
  readonly health: string;
  readonly changes: { readonly units: readonly unknown[]; readonly params: readonly unknown[] } | null;
}

const generations = async (): Promise<Listed[]> => JSON.parse(await done(cab(["generations", "--json", ROLE], as)));

const standings = async (): Promise<string[]> =>
  (await generations()).map(({ number, standing, health }) => `${number} ${standing} ${health}`);

const current = (): number => Number(readlinkSync(join(profile, "current")).slice("generation-".length));

interface Status {
  readonly running: boolean;
  readonly services: readonly { readonly name: string; readonly pid: number | null }[];
  readonly health: { readonly unhealthy: readonly string[] } | null;
  readonly drift: readonly unknown[];
  readonly foreign: readonly string[];
}

async function status(): Promise<Status> {
  const [report] = JSON.parse((await cab(["status", "--json", ROLE], as)).stdout) as [Status];
  return report;
}

const isHealthy = async (): Promise<boolean> => (await status()).health?.unhealthy.length === 0;
const slapd = async (): Promise<number | null | undefined> => (await status()).services[0]?.pid;

/** As the directory's administrator: peers of the socket are that only as the user that slapd runs as. */
const ADMIN = ["-x", "-D", "cn=admin,dc=example,dc=org", "-y", join(root, "etc/secrets/ldap-root-password")];
const SOCKET = `ldapi://${encodeURIComponent(`/cab/run/${ROLE}/work/ldapi`)}`;

/** What was written is `description` values of the suffix. */
async function write(value: string): Promise<void> {
  const file = join(root, "change.ldif");
  writeFileSync(file, `dn: dc=example,dc=org\nchangetype: modify\nadd: description\ndescription: ${value}\n`);
  await done(cab(["run", ROLE, "ldapmodify", ...ADMIN, "-H", SOCKET, "-f", file], as));
}

async function written(): Promise<string[]> {
  const words = [...ADMIN, "-LLL", "-H", SOCKET, "-s", "base", "-b", "dc=example,dc=org", "description"];
  const text = await done(cab(["run", ROLE, "ldapsearch", ...words], as));
  return text.split("\n").flatMap((line) => (line.startsWith("description: ") ? [line.slice(13)] : []));
}

interface Variant {
  readonly format?: string;
  readonly converts?: string;
  readonly description?: string;
  readonly sizeBudget?: number;
}

const shipped = readFileSync(join(CHECKOUT, "derivations/roles/ldap-server.ts"), "utf8");

/** The shipped role; its data as if it came from another version of slapd. */
function useRole({
  format = "openldap-mdb-2.5",
  converts = "ldif",
  description = "a directory",
  sizeBudget = 40e6,
}: Variant): void {
  const recipe = shipped
    .replace('"../lib/directory.ts"', '"@cab/derivations/lib/directory.ts"')
    .replace('"../lib/server-role.ts"', '"@cab/derivations/lib/server-role.ts"')
    .replace("sizeBudget: 40e6", `sizeBudget: ${sizeBudget}`)
    .replace(/description: ".*"/, `description: "${description}"`)
    .replace(
      "directory: directory.state",
      `directory: (role) => ({ ...directory.state(role), format: "${format}", converts: "${converts}" })`,
    );
  workspace(recipes, { "derivations/ldap-server.ts": recipe });
}

const dataFormat = (): string | undefined =>
  /@(.*)\.[0-9]+$/.exec(readlinkSync(join(root, "state", ROLE, "directory")))?.[1];

describe("the first switch", () => {
  test("of a role that is larger than it says is refused", async () => {
    useRole({ sizeBudget: 1e6 });
    const { code, stderr } = await switchRole();
    expect({ code, said: stderr.includes("and may take 1.0 MB\nsee what it is: cab size ldap-server") }).toEqual({
      code: 1,
      said: true,
    });
    expect(existsSync(profile)).toBe(false);
    useRole({});
  });

  test("without its secret says what is missing and leaves nothing", async () => {
    const { code, stderr } = await switchRole();
    expect(code).toBe(1);
    expect(stderr).toContain("ldap-root-password");
    expect(existsSync(join(profile, "current"))).toBe(false);
    writeFileSync(join(root, "etc/secrets/ldap-root-password"), PASSWORD, { mode: 0o600 });
  });

  test("with a line of parameters that is none says which", async () => {
    writeFileSync(paramsFile, `# where it listens\nport ${port}\n`);
    const { code, stderr } = await switchRole();
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${paramsFile}, line 2: there is no = in it`)]);
    writeFileSync(paramsFile, `suffix = ${PASSWORD}\n`);
    expect((await switchRole()).stderr).toContain(`the value of the secret ldap-root-password stands in ${paramsFile}`);
    writeFileSync(paramsFile, `port = ${port}\n`);
  });

  test("--dry-run changes nothing; then the role runs, and goes on without cab", async () => {
    expect(await done(switchRole("--dry-run"))).toContain("slapd would start");
    expect(existsSync(join(profile, "current"))).toBe(false);
    expect(JSON.parse(await done(switchRole("--json")))).toEqual({
      role: ROLE,
      generation: 1,
      from: null,
      new: true,
      healthy: true,
    });
    expect(await isHealthy()).toBe(true);
    await write("first");
  });

  test("again makes no generation and restarts nothing", async () => {
    const before = await slapd();
    expect(await done(switchRole())).toContain("nothing is new");
    expect([await slapd(), await standings()]).toEqual([before, ["1 current healthy"]]);
  });
});

describe("a switch", () => {
  test("that changes nothing of a service does not restart it; one that does, does, and says why", async () => {
    const before = await slapd();
    useRole({ description: "the directory" });
    await done(switchRole());
    expect([current(), await slapd()]).toEqual([2, before]);
    writeFileSync(paramsFile, `port = ${port}\nlog = stats\n`);
    await done(switchRole());
    expect(await slapd()).not.toBe(before);
    const changes = JSON.parse(await done(cab(["diff", "--json", ROLE, "2", "3"], as)));
    expect([changes.params, changes.units]).toEqual([
      [{ name: "log", before: "none", after: "stats" }],
      [{ name: "slapd", change: "restarts", why: ["parameter log"] }],
    ]);
  });

  test("to a generation that cannot start goes back by itself, and says so", async () => {
    writeFileSync(paramsFile, `port = ${port}\naddress = 192.0.2.1\n`);
    const { code, stderr } = await switchRole();
    expect(code).toBe(1);
    expect(stderr).toContain("went back to generation 3, which is healthy");
    expect([(await standings()).at(-1), current(), await isHealthy()]).toEqual(["4 failed unknown", 3, true]);
    writeFileSync(paramsFile, `port = ${port}\n`);
  });

  test("beside another is told who is at it", async () => {
    const first = startCab(["switch", ...fromCache(), ROLE], as);
    await until(first, "switching");
    const second = await switchRole();
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining(`cab switch ${ROLE}, process `)]);
    expect((await first.ended).code).toBe(0);
  });
});

describe("data of another format", () => {
  test("is converted by a switch, and back by a rollback, with all that was written meanwhile", async () => {
    useRole({ format: "openldap-mdb-next" });
    await done(switchRole());
    expect([dataFormat(), await written()]).toEqual(["openldap-mdb-next", ["first"]]);
    await write("second");
    await done(cab(["rollback", ROLE], as));
    expect([dataFormat(), await written()]).toEqual(["openldap-mdb-2.5", ["first", "second"]]);
  });

  test("that cannot be converted is refused before anything is stopped", async () => {
    useRole({ format: "openldap-mdb-other", converts: "something-else" });
    const before = await slapd();
    const { code, stderr } = await switchRole();
    expect([code, stderr]).toEqual([1, expect.stringContaining("they have no text in common")]);
    expect([await slapd(), await isHealthy()]).toEqual([before, true]);
  });

  test("goes back to its backup only by --discard-writes, and not by a backup that was cut off", async () => {
    useRole({ format: "openldap-mdb-next" });
    await done(switchRole());
    await write("lost");
    const backups = join(root, "state", ROLE, ".backups");
    const newest = readdirSync(backups)
      .filter((name) => name.endsWith(".gz"))
      .sort((a, b) => made(a) - made(b))
      .at(-1) as string;
    const whole = readFileSync(join(backups, newest));
    truncateSync(join(backups, newest), 20);
    const refused = await cab(["rollback", "--discard-writes", ROLE], as);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("its digest differs")]);
    expect([dataFormat(), await written(), await isHealthy()]).toEqual([
      "openldap-mdb-next",
      ["first", "second", "lost"],
      true,
    ]);
    writeFileSync(join(backups, newest), whole);
    await done(cab(["rollback", "--discard-writes", ROLE], as));
    expect([dataFormat(), await written()]).toEqual(["openldap-mdb-2.5", ["first", "second"]]);
  });

  test("whose backup cannot be written stays what it is", async () => {
    const backups = join(root, "state", ROLE, ".backups");
    rmSync(backups, { recursive: true });
    writeFileSync(backups, "in the way");
    const { code, stderr } = await switchRole();
    expect([code, stderr]).toEqual([1, expect.stringContaining("went back to generation")]);
    expect([dataFormat(), await written(), await isHealthy()]).toEqual(["openldap-mdb-2.5", ["first", "second"], true]);
    rmSync(backups);
  });
});

const made = (backup: string): number => Number(/\.([0-9]+)\.gz$/.exec(backup)?.[1]);

/** Waits until a command has said this on standard error. */
function until(command: ReturnType<typeof startCab>, words: string): Promise<void> {
  let said = "";
  return new Promise((resolve) => {
    command.stderr?.on("data", (text: string) => {
      said += text;
      if (said.includes(words)) resolve();
    });
    // It may end without having come there; what it left is looked at all the same.
    void command.ended.then(() => resolve());
  });
}

describe("killed", () => {
  test.each(["switching", "written to", "from format", "waiting up to"])(
    "when it says %j, a switch that converts data can be run again, and nothing is lost",
    async (words) => {
      useRole({});
      await done(switchRole());
      const before = await written();
      await write(`before ${words}`);
      useRole({ format: "openldap-mdb-next" });
      const killed = startCab(["switch", ...fromCache(), ROLE], as);
      await until(killed, words);
      killed.kill("SIGKILL");
      await killed.ended;
      await done(switchRole());
      expect([dataFormat(), await written(), await isHealthy()]).toEqual([
        "openldap-mdb-next",
        [...before, `before ${words}`],
        true,
      ]);
      expect(existsSync(join(profile, "pending"))).toBe(false);
    },
  );

  test("a host that starts again behind a kill runs what fits its data", async () => {
    useRole({ format: "openldap-mdb-next" });
    await done(switchRole());
    const before = await written();
    useRole({});
    const killed = startCab(["switch", ...fromCache(), ROLE], as);
    await until(killed, "from format");
    killed.kill("SIGKILL");
    await killed.ended;
    await done(cab(["down", ROLE], as));
    const up = startCab(["up", ROLE], as);
    await until(up, "current and");
    expect([await isHealthy(), await written(), dataFormat()]).toEqual([true, before, "openldap-mdb-2.5"]);
    up.kill("SIGTERM");
    expect((await up.ended).code).toBe(0);
    expect((await status()).running).toBe(false);
  });
});

describe("a supervisor whose cab was killed", () => {
  test("goes on with its services, and is stopped by name", async () => {
    await done(cab(["down", ROLE], as));
    const up = startCab(["up", ROLE], as);
    await until(up, "current and");
    up.kill("SIGKILL");
    // Not until its output ends: its services have that too.
    await once(up, "exit");
    expect(await isHealthy()).toBe(true);
    expect((await cab(["up", ROLE], as)).stderr).toContain(`stop it with: cab down ${ROLE}`);
    await done(cab(["down", ROLE], as));
    expect((await status()).running).toBe(false);
  });
});

describe("what lies beside", () => {
  test("foreign files in the profile and changed rendered files are listed, and stop nothing", async () => {
    await done(switchRole());
    writeFileSync(join(profile, "notes"), "mine");
    const rendered = join(root, "run", ROLE, "etc/ldap.conf");
    chmodSync(rendered, 0o644);
    writeFileSync(rendered, "# edited\n");
    const { drift, foreign } = await status();
    expect([drift, foreign]).toEqual([[{ kind: "changed", file: "etc/ldap.conf" }], ["notes"]]);
    await done(switchRole());
  });

  test("generations that were given up are said to be gone", async () => {
    await done(cab(["gc", "--keep-generations", "1"], as));
    const kept = (await generations()).map(({ number }) => number);
    expect(kept).toContain(current());
    expect(filesIn(profile).some((file) => file.endsWith("generation-1.params"))).toBe(false);
    const { code, stderr } = await cab(["rollback", "--to", "1", ROLE], as);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${ROLE} has no generation 1`)]);
    expect(await isHealthy()).toBe(true);
  });

  test("no value of a secret stands in what cab or the services wrote, but where it belongs", async () => {
    const found = filesIn(root).filter((file) => !file.includes("/secrets/") && readFileSync(file).includes(PASSWORD));
    expect(found).toEqual([]);
  });
});

describe("a recipe that holds the value of a secret", () => {
  test("is refused when it has been built", async () => {
    const before = await standings();
    useRole({ description: PASSWORD });
    const { code, stderr } = await switchRole();
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("the value of ldap-root-password, a secret of this host"),
    ]);
    expect(storeObjects(root).filter((object) => holds(join(root, "store", object)))).toEqual([]);
    expect(await standings()).toEqual(before);
  });
});

const holds = (object: string): boolean =>
  spawnSync("grep", ["-rqF", PASSWORD, object], { stdio: "ignore" }).status === 0;
