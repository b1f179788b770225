/** A role makes a host run it, by its own `activate`: no cab is needed, and here none helps but to show the store at /cab. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type CabOptions,
  cab,
  type Ended,
  fromCache,
  isRoot,
  realise,
  removeFolder,
  startCab,
  temporaryFolder,
  UNPRIVILEGED,
} from "./support.ts";

const uid = isRoot ? UNPRIVILEGED : undefined;
const folder = temporaryFolder("activate", uid);
const root = join(folder, "root");
const options: CabOptions = {
  root,
  cwd: join(import.meta.dirname, "activate"),
  env: { HOME: folder },
  ...(uid === undefined ? {} : { uid }),
};

const mayMount =
  spawnSync("unshare", ["--user", "--map-root-user", "--mount", "true"], uid === undefined ? {} : { uid, gid: uid })
    .status === 0;

const write = (file: string, text: string, mode = 0o600): void => {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
  chmodSync(join(root, file), mode);
  if (uid !== undefined) chownSync(join(root, file), uid, uid);
};
const read = (file: string): string => readFileSync(join(root, file), "utf8");

const run = (role: string, ...words: readonly string[]): Promise<Ended> =>
  cab(["run", role, "activate", ...words], options);
const withParams = (role: string, call: string, ...words: readonly string[]): Promise<Ended> =>
  run(role, call, ...words, "--params", `/cab/etc/${role}.params`);
const events = ({ stdout }: Ended): string[] => stdout.split("\n").filter((line) => line !== "");

const supervisors: ReturnType<typeof startCab>[] = [];
/** The supervisor alone, in the background. */
async function supervise(role: string): Promise<void> {
  const supervisor = startCab(["run", role, "activate", "supervise"], options);
  supervisors.push(supervisor);
  for (let tries = 0; tries < 100; tries++) {
    if (events(await run(role, "status"))[0] === "supervisor\tup") return;
    await sleep(100);
  }
  throw new Error(`no supervisor:\n${(await supervisor.ended).stderr}`);
}

beforeAll(async () => {
  await realise(["tower", "misbehaving"], { ...options, args: fromCache() });
  write("etc/tower.params", "owner = me\n");
  write("etc/secrets/tower-key", "abracadabra\n");
});
afterEach(async () => {
  await Promise.all(["tower", "misbehaving"].map((role) => run(role, "stop")));
  await Promise.all(supervisors.splice(0).map(({ ended }) => ended));
  rmSync(join(root, "run"), { recursive: true, force: true });
});
afterAll(() => removeFolder(folder));

const page = (): string[] => read("state/tower/book/page").trim().split("\n");

describe("a role's services", () => {
  test("start in order, once each is ready; nothing is touched when applied again; all stop in reverse order", async () => {
    await supervise("tower");
    const first = await withParams("tower", "apply");
    expect(first).toMatchObject({ code: 0 });
    const services = ["base", "tick", "top"];
    expect(events(first)).toEqual(["start", "ready"].flatMap((what) => services.map((name) => `${what}\t${name}`)));
    expect(page()).toEqual(["base begins with greeting=hello", "top begins with floors=3"]);
    const again = await withParams("tower", "apply");
    expect(events(again)).toEqual(["keep\tbase", "keep\ttick", "keep\ttop"]);
    expect(await run("tower", "health")).toMatchObject({ code: 0, stdout: "healthy\ttower\n" });
    expect(await run("tower", "stop")).toMatchObject({ code: 0, stderr: "" });
    expect(page().slice(2)).toEqual(["top ends", "base ends"]);
    expect((await supervisors[0]?.ended)?.code).toBe(0);
  });

  test("restart where what they use changed, and only those", async () => {
    await supervise("tower");
    await withParams("tower", "apply");
    write("etc/tower.params", "owner = me\nfloors = 5\n");
    expect(events(await withParams("tower", "plan"))).toEqual([
      "restart\ttop\tits files: top/top.conf",
      "keep\tbase",
      "keep\ttick",
    ]);
    const applied = await withParams("tower", "apply");
    expect(events(applied)).toEqual([
      "restart\ttop\tits files: top/top.conf",
      "keep\tbase",
      "keep\ttick",
      "ready\ttop",
    ]);
    expect(page().slice(-2)).toEqual(["top ends", "top begins with floors=5"]);
    write("etc/secrets/tower-key", "open sesame\n");
    expect(events(await withParams("tower", "plan"))).toEqual([
      "restart\tbase\tparameters, secrets or tasks that it uses",
      "keep\ttick",
      "keep\ttop",
    ]);
    write("etc/secrets/tower-key", "abracadabra\n");
    write("etc/tower.params", "owner = me\n");
  });

  test("are brought back when they die, and timers run again and again", async () => {
    await supervise("tower");
    await withParams("tower", "apply");
    const pid = (): number | undefined => {
      // Empty while the service is between two lives: and 0 would be all processes of this group.
      const found = /^[1-9][0-9]*$/.exec(read("run/tower/service/top/supervise/pid").trim());
      return found === null ? undefined : Number(found[0]);
    };
    const running = async (but?: number): Promise<number> => {
      for (let tries = 0; tries < 100; tries++) {
        const found = pid();
        if (found !== undefined && found !== but) return found;
        await sleep(100);
      }
      throw new Error("the service never came back");
    };
    const before = await running();
    process.kill(before, "SIGKILL");
    expect(await running(before)).not.toBe(before);
    for (
      let tries = 0;
      tries < 100 &&
      !(existsSync(join(root, "run/tower/work/ticks")) && read("run/tower/work/ticks").split("\n").length > 2);
      tries++
    ) {
      await sleep(100);
    }
    expect(read("run/tower/work/ticks")).toMatch(/^(tick\n){2,}/);
  });

  test("have what was changed behind their back named", async () => {
    await supervise("tower");
    await withParams("tower", "apply");
    expect(events(await run("tower", "drift"))).toEqual([]);
    write("run/tower/etc/base.conf", "greeting=changed\n");
    write("run/tower/etc/more.conf", "");
    rmSync(join(root, "run/tower/etc/top/top.conf"));
    expect(events(await run("tower", "drift")).sort()).toEqual([
      "changed\tetc/base.conf",
      "foreign\tetc/more.conf",
      "missing\tetc/top/top.conf",
    ]);
  });
});

describe("an instance", () => {
  const refused = async (params: string, message: string): Promise<void> => {
    write("etc/tower.params", params);
    const { code, stderr } = await withParams("tower", "check");
    write("etc/tower.params", "owner = me\n");
    expect({ code, stderr }).toEqual({ code: 1, stderr: `tower: ${message}\n` });
  };
  const file = "/cab/etc/tower.params";

  test("is refused for parameters that are not there, wrong or said twice", async () => {
    await refused("", `no value for owner: write NAME = VALUE for each into ${file}`);
    await refused(
      "owner = me\nfloor = 3\n",
      `${file}, line 2: there is no parameter of this name; there are: greeting floors port other owner flag`,
    );
    await refused("owner = me\n\n# one more\nowner = you\n", `${file}, line 4: owner is given twice`);
    await refused("owner\n", `${file}, line 1: expected NAME = VALUE`);
    await refused("owner = me\nfloors = 10\n", "parameter floors: expected at most 9, found 10");
    await refused("owner = me\nfloors = three\n", "parameter floors: expected a number, found three");
    await refused(
      "owner = me\ngreeting = HELLO\n",
      "parameter greeting: expected a value that matches [a-z ]+, found HELLO",
    );
    await refused(
      'owner = me"; reboot\n',
      "parameter owner: expected neither quotes, backslashes nor control characters",
    );
    await refused("owner = me\nport = 8081\n", "parameters port and other are both port 8081");
    await refused(
      "owner = me\nport = 80\n",
      `parameter port: user ${uid ?? process.getuid?.()} may not listen on port 80; write port = PORT, at least 1024, into ${file}`,
    );
  });

  test("takes a value as it stands, whatever a shell or sed would make of it", async () => {
    write("etc/tower.params", "  owner =  $(id) & `id` | * \n flag=x\n");
    await supervise("tower");
    expect(await withParams("tower", "apply")).toMatchObject({ code: 0 });
    write("etc/tower.params", "owner = me\n");
    expect(read("run/tower/etc/base.conf")).toBe("greeting=hello\nowner=$(id) & `id` | *\nflag=x\n");
  });

  test("is refused for a secret that is missing, empty or for all to read, and tells none", async () => {
    const check = async (): Promise<string> => (await withParams("tower", "check")).stderr;
    chmodSync(join(root, "etc/secrets/tower-key"), 0o644);
    expect(await check()).toBe(
      "tower: secret tower-key: others can read /cab/etc/secrets/tower-key; chmod 600 it, and think of it as known\n",
    );
    write("etc/secrets/tower-key", "");
    expect(await check()).toBe("tower: secret tower-key is empty\n");
    rmSync(join(root, "etc/secrets/tower-key"));
    expect(await check()).toBe(
      "tower: no value for the secret tower-key: put it into $CAB_ROOT/etc/secrets/NAME with mode 600, or into CAB_SECRET_NAME\n",
    );
    const given = await cab(["run", "tower", "activate", "check", "--params", file], {
      ...options,
      env: { ...options.env, CAB_SECRET_TOWER_KEY: "from the environment" },
    });
    expect(given).toMatchObject({ code: 0, stdout: "", stderr: "" });
    write("etc/secrets/tower-key", "abracadabra\n");
  });

  test("has its secrets in its private directory alone", async () => {
    await supervise("tower");
    await withParams("tower", "apply");
    const found = spawnSync("grep", ["-rlF", "abracadabra", "."], { cwd: root, encoding: "utf8" }).stdout;
    const holders = found
      .trim()
      .split("\n")
      .map((name) => name.slice("./".length));
    expect(holders.sort()).toEqual(["etc/secrets/tower-key", "run/tower/secrets/tower-key"]);
  });
});

describe("a service that misbehaves", () => {
  const activate = async (how: string): Promise<Ended> => {
    write("etc/misbehaving.params", `how = ${how}\n`);
    await supervise("misbehaving");
    return withParams("misbehaving", "apply");
  };

  test("by ending at once is given up soon, with its last words", async () => {
    const { code, stderr } = await activate("at-once");
    expect({ code, last: stderr.trim().split("\n").at(-1) }).toEqual({
      code: 1,
      last: "misbehaving: wild: it ends at once, 3 times",
    });
    expect(stderr).toContain("no configuration\n");
  });

  test("by never getting ready is given up when its time is over", async () => {
    const { code, stderr } = await activate("never-ready");
    expect({ code, last: stderr.trim().split("\n").at(-1) }).toEqual({
      code: 1,
      last: "misbehaving: wild: it is not ready after 6 s",
    });
  });

  test("by not listening to SIGTERM is killed", async () => {
    expect(await activate("stubborn")).toMatchObject({ code: 0 });
    expect(await run("misbehaving", "stop")).toMatchObject({ code: 0, stderr: "" });
    expect(events(await run("misbehaving", "status"))).toEqual(["supervisor\tdown", "service\twild\tdown\t-\t-"]);
  });
});

describe("data", () => {
  const backup = "/cab/state/tower/.backups/book.1.gz";

  test("goes through a backup into a new version, in one step; a backup that is cut is refused before anything stops", async () => {
    rmSync(join(root, "state"), { recursive: true, force: true });
    await supervise("tower");
    await withParams("tower", "apply");
    expect(events(await run("tower", "state"))).toEqual(["state\tbook\tbook-1\t.versions/book@book-1.1"]);
    expect(await run("tower", "backup", "book", backup)).toMatchObject({ code: 0 });
    const kept = page();
    expect(await withParams("tower", "restore", "book", backup)).toMatchObject({
      code: 0,
      stdout: "restored\tbook\tbook@book-1.2\n",
    });
    expect(page()).toEqual(kept);
    await withParams("tower", "apply");
    truncateSync(join(root, backup.slice("/cab/".length)), 10);
    const cut = await withParams("tower", "restore", "book", backup);
    expect(cut).toMatchObject({ code: 1, stderr: `tower: ${backup} is not what was written: its digest differs\n` });
    expect(events(await withParams("tower", "plan"))).toEqual(["keep\tbase", "keep\ttick", "keep\ttop"]);
    expect(await run("tower", "version", "book", ".versions/book@book-1.1")).toMatchObject({ code: 0 });
    expect(page().slice(-2)).toEqual(["top ends", "base ends"]);
  });

  test.skipIf(!mayMount)(
    "stays what it is when the disk is full before its backup is whole (needs user namespaces)",
    async () => {
      await supervise("tower");
      await withParams("tower", "apply");
      const backups = join(root, "state/tower/.backups");
      const small = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];
      const mounted = 'mkdir -p "$0" && mount -t tmpfs -o size=64k tmpfs "$0" && "$@"; code=$?; ls "$0"; exit $code';
      write("state/tower/book/page", randomBytes(200_000).toString("hex"));
      const ended = await cab(["run", "tower", "activate", "backup", "book", backup], {
        ...options,
        under: [...small, mounted, backups],
      });
      expect(ended).toMatchObject({ code: 1, stdout: "" });
      expect(ended.stderr).toContain(`tower: cannot write ${backup}\n`);
      rmSync(join(root, "state"), { recursive: true, force: true });
    },
  );

  test("that nobody may write to stops an activation before anything is touched", async () => {
    mkdirSync(join(root, "state/tower"), { recursive: true });
    if (uid !== undefined) chownSync(join(root, "state/tower"), 0, 0);
    else chmodSync(join(root, "state/tower"), 0o555);
    rmSync(join(root, "run/tower"), { recursive: true, force: true });
    const { code, stderr } = await withParams("tower", "check");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `tower: cannot write to /cab/state/tower as user ${uid ?? process.getuid?.()}\n`,
    });
    rmSync(join(root, "state"), { recursive: true, force: true });
  });

  test("of a format that the role does not have stops an activation before anything is touched", async () => {
    await supervise("tower");
    await withParams("tower", "apply");
    const link = join(root, "state/tower/book");
    mkdirSync(join(root, "state/tower/.versions/book@book-2.1"));
    rmSync(link);
    symlinkSync(".versions/book@book-2.1", link);
    const { code, stderr } = await withParams("tower", "apply");
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: "tower: book has data of format book-2; this role reads book-1\n",
    });
    rmSync(join(root, "state"), { recursive: true, force: true });
  });
});

describe("a role is not even evaluated", () => {
  test.each([
    ["waits-for-itself", "in waits-for-itself, services wait for one another: first → second → first"],
    ["two-towers", "two-towers and tower both declare the service top"],
    [
      "tells",
      "a secret is known on the host alone, when a role is activated: no build may see it, nor anything that is hashed",
    ],
  ])("%s", async (role, reason) => {
    const { code, stderr } = await cab(["eval", role], options);
    expect({ code, said: stderr.includes(reason) }).toEqual({ code: 1, said: true });
  });
});
