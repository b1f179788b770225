/** Two real processes want one build: one builds, the other tells how far it has got, and depends on it in nothing. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  cab,
  type Ended,
  fromCache,
  isRoot,
  type RealiseReport,
  realise,
  removeFolder,
  startCab,
  temporaryFolder,
  UNPRIVILEGED,
  workspace,
} from "./support.ts";

/** Files that a user without privileges may not write to are written by him here. */
const uid = isRoot ? UNPRIVILEGED : undefined;
const folder = temporaryFolder("waiting", uid);
const root = join(folder, "root");
afterAll(() => removeFolder(folder));

/** A workspace whose one recipe, `it`, prints a line and then waits until it is told to go on. */
const recipes = (salt: string): string =>
  workspace(join(folder, `workspace-${salt}`), {
    "derivations/it.ts": `import { contentAddressed, definePackage } from "@cab/core";
import seed from "@cab/derivations/toolchain/seed.ts";
export default definePackage({ name: "it" }, () => ({
  name: "it",
  builder: "/bin/bash",
  args: ["-ec", "echo compiling ${salt}; > started; until [ -e go ]; do sleep 0.1; done; echo ${salt} > $out"],
  env: { PATH: "/usr/bin" },
  rootfs: seed,
  outputs: contentAddressed(["out"]),
}));
`,
  });

const options = (salt: string) => ({ root, cwd: recipes(salt), ...(uid === undefined ? {} : { uid }) });

beforeAll(async () => {
  await cab(["--version"], { root: null });
  await realise(["seed", "sandbox"], { ...options("set-up"), args: fromCache() });
});

/** Asks until there is an answer; fails with a process's own words if it ends before. */
async function until<A>(ask: () => A | undefined, child: { readonly ended: Promise<Ended> }): Promise<A> {
  let ended: Ended | undefined;
  void child.ended.then((how) => (ended = how));
  for (;;) {
    const answer = ask();
    if (answer !== undefined) return answer;
    if (ended !== undefined) throw new Error(`it ended: ${ended.stderr}`);
    await sleep(20);
  }
}

/** The folders in which builders run now. */
const buildFolders = (): string[] =>
  readdirSync(join(root, "store"))
    .map((name) => join(root, "store", name, "build"))
    .filter((build) => existsSync(join(build, "started")));

const goOn = (): void => {
  for (const build of buildFolders()) writeFileSync(join(build, "go"), "");
};

interface Waiter extends ReturnType<typeof startCab> {
  readonly events: () => Record<string, unknown>[];
}

let waiters = 0;
function startWaiter(of: ReturnType<typeof options>): Waiter {
  const file = join(folder, `events-${waiters++}`);
  const child = startCab(["realise", "--json", "--events", file, "it"], of);
  const events = (): Record<string, unknown>[] =>
    existsSync(file)
      ? readFileSync(file, "utf8")
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line))
      : [];
  return Object.assign(child, { events });
}

const seen = (waiter: Waiter, name: string) => (): Record<string, unknown> | undefined =>
  waiter.events().find(({ event }) => event === name);

test("who waits says who builds, since when and how far; it may be interrupted, and the builder goes on", async () => {
  const of = options("one");
  const builder = startCab(["realise", "--json", "it"], of);
  await until(() => buildFolders()[0], builder);
  const [impatient, patient] = [startWaiter(of), startWaiter(of)];
  for (const waiter of [impatient, patient]) {
    expect(await until(seen(waiter, "BuiltElsewhere"), waiter)).toMatchObject({
      name: "it",
      work: "build",
      holder: { worker: { pid: builder.pid, words: ["realise", "--json", "it"] } },
    });
    expect(await until(seen(waiter, "ElsewhereLog"), waiter)).toMatchObject({ bytes: 14, line: "compiling one" });
  }
  impatient.kill("SIGINT");
  expect(await impatient.ended).toMatchObject({ code: 130, stdout: expect.stringContaining('"outputs":{}') });
  expect(seen(impatient, "Waited")()).toBeUndefined();
  expect(buildFolders()).toHaveLength(1);
  goOn();
  const [built, waited] = await Promise.all([builder.ended, patient.ended]);
  expect([built.code, waited.code]).toEqual([0, 0]);
  const [own, theirs] = [built, waited].map(({ stdout }) => JSON.parse(stdout) as RealiseReport);
  expect(own).toMatchObject({ built: ["it"], elsewhere: [] });
  expect(theirs).toMatchObject({ built: [], elsewhere: ["it"], outputs: own?.outputs });
  expect(seen(patient, "Waited")()).toMatchObject({ name: "it", found: true });
  const who = `process ${builder.pid} (cab realise --json it)`;
  const lines = waited.stderr.replaceAll(/\d+\.\d s/g, "N s").split("\n");
  expect(lines).toEqual([
    `it is being built by ${who}, for N s; waiting for it`,
    `it, ${who}, N s, 14 B of log: compiling one`,
    `[1/1] it was built by ${who} in N s`,
    "",
  ]);
});

test("if the builder is killed, who waited builds", async () => {
  const of = options("two");
  const builder = startCab(["realise", "it"], of);
  await until(() => buildFolders()[0], builder);
  const waiter = startWaiter(of);
  await until(seen(waiter, "BuiltElsewhere"), waiter);
  builder.kill("SIGKILL");
  await until(seen(waiter, "Started"), waiter);
  const finished = until(seen(waiter, "Finished"), waiter);
  const going = setInterval(goOn, 50);
  await finished;
  clearInterval(going);
  const { code, stdout, stderr } = await waiter.ended;
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { built: ["it"], elsewhere: [] }]);
  expect(seen(waiter, "Waited")()).toMatchObject({ found: false });
  expect(stderr).toContain(`it was not built by process ${builder.pid} (cab realise it)\n`);
});
