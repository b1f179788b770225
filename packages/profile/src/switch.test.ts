import fc from "fast-check";
import { isLeft, isRight } from "fp-ts/lib/Either.js";
import { describe, expect, test } from "vitest";
import { standing } from "./generation.ts";
import { resume, rollback, switchTo } from "./switch.ts";
import { Killed, killer } from "./testing/killable.ts";
import type { MemoryRole } from "./testing/memory-role.ts";
import { objectPath, type Rig, requestFor, rigOf, tagOf } from "./testing/rig.ts";

const data = (format: string, converts: string | null = "ldif"): Partial<MemoryRole> => ({
  state: { slapd: { format, converts } },
});

const to = async (rig: Rig, build: string, params = ""): Promise<string> => {
  const result = await switchTo(rig.ports(), requestFor(build, params))();
  return isRight(result) ? `${result.right.number}` : tagOf(result.left);
};

const back = async (rig: Rig, number?: number): Promise<string> => {
  const result = await rollback(rig.ports(), { to: number, discardWrites: false, start: true })();
  return isRight(result) ? `${result.right.number}` : tagOf(result.left);
};

/** Number, standing and recorded health of every generation. */
const listed = async (rig: Rig): Promise<string[]> => {
  const profile = await rig.folder.read();
  return profile.generations.map((each) => `${each.number} ${standing(profile, each)} ${each.health}`);
};

const written = (rig: Rig): readonly string[] | undefined => rig.host.data().get("slapd")?.written;

describe("a switch", () => {
  test("makes generations one after the other; the same again makes none", async () => {
    const rig = rigOf({ a: {}, b: {} });
    expect(await to(rig, "a")).toBe("1");
    expect(await to(rig, "b")).toBe("2");
    expect(await to(rig, "b")).toBe("2");
    expect(await to(rig, "b", "port = 1")).toBe("3");
    expect(await listed(rig)).toEqual(["1 replaced healthy", "2 replaced healthy", "3 current healthy"]);
    expect(rig.host.running()).toEqual({ path: objectPath("b"), params: "generation-3.params" });
  });

  test.each([
    ["is not healthy", { healthy: false }, "Unhealthy, then To", "2 failed unhealthy"],
    ["does not start", { starts: false }, "ActivateFailed, then To", "2 failed unknown"],
  ])("goes back by itself where the new generation %s", async (_, bad, outcome, second) => {
    const rig = rigOf({ a: {}, bad });
    await to(rig, "a");
    expect(await to(rig, "bad")).toBe(outcome);
    expect(await listed(rig)).toEqual(["1 current healthy", second]);
    expect(rig.host.running()?.path).toBe(objectPath("a"));
  });

  test("of a first generation that fails leaves nothing running", async () => {
    const rig = rigOf({ bad: { healthy: false } });
    expect(await to(rig, "bad")).toBe("Unhealthy, then ToNothing");
    expect([rig.host.running(), rig.host.supervised(), (await rig.folder.read()).current]).toEqual([
      undefined,
      false,
      null,
    ]);
  });

  test("converts the data, and takes what was written back with it when it fails", async () => {
    const rig = rigOf({ a: data("1"), b: data("2"), bad: { ...data("3"), healthy: false } });
    await to(rig, "a");
    rig.host.write("first");
    expect(await to(rig, "b")).toBe("2");
    rig.host.write("second");
    expect(await to(rig, "bad")).toBe("Unhealthy, then To");
    expect([rig.host.data().get("slapd")?.format, written(rig)]).toEqual(["2", ["first", "second"]]);
    expect(rig.events.filter(({ _tag }) => _tag === "Converted")).toHaveLength(3);
  });

  test("is refused before anything happens where the data cannot be converted", async () => {
    const rig = rigOf({ a: data("1"), b: data("2", null) });
    await to(rig, "a");
    expect(await to(rig, "b")).toBe("StateRefused");
    expect([await listed(rig), rig.host.starts()]).toEqual([["1 current healthy"], 1]);
  });

  test("asked to end goes back", async () => {
    const rig = rigOf({ a: {}, b: { healthy: false } });
    await to(rig, "a");
    const interrupted = new AbortController();
    const ports = rig.ports({ signal: interrupted.signal });
    const sleep = async (): Promise<void> => interrupted.abort();
    const result = await switchTo({ ...ports, sleep }, requestFor("b"))();
    expect(isLeft(result) ? tagOf(result.left) : "").toBe("Cancelled, then To");
    expect(rig.host.running()?.path).toBe(objectPath("a"));
  });

  test("from a generation whose objects are gone goes on, and stops what it started if that fails", async () => {
    const rig = rigOf({ a: {}, b: {}, bad: { healthy: false } });
    await to(rig, "a");
    const ports = rig.ports();
    const manifest: typeof ports.manifest = async (path) =>
      path === objectPath("a") ? undefined : ports.manifest(path);
    const result = async (build: string) => switchTo({ ...ports, manifest }, requestFor(build))();
    const failed = await result("bad");
    expect(isLeft(failed) ? tagOf(failed.left) : "").toBe("Unhealthy, then ToNothing");
    expect([rig.host.running(), rig.host.supervised()]).toEqual([undefined, true]);
    expect(await result("b")).toMatchObject({ right: { number: 3, from: 1, healthy: true } });
  });

  test("without a supervisor, and not to start one, changes what will run", async () => {
    const rig = rigOf({ a: data("1"), b: data("2") });
    await to(rig, "a");
    rig.host.reboot();
    const result = await switchTo(rig.ports(), { ...requestFor("b"), start: false })();
    expect(isRight(result) ? result.right : result.left).toEqual({ number: 2, from: 1, isNew: true, healthy: null });
    expect([rig.host.running(), rig.host.data().get("slapd")?.format]).toEqual([undefined, "2"]);
    expect(await listed(rig)).toEqual(["1 replaced healthy", "2 current unknown"]);
  });
});

describe("a rollback", () => {
  test("goes to the generation before, and on from there; and by number", async () => {
    const rig = rigOf({ a: {}, b: {}, c: {} });
    for (const build of ["a", "b", "c"]) await to(rig, build);
    expect(await back(rig)).toBe("2");
    expect(await back(rig)).toBe("1");
    expect(await back(rig)).toBe("NothingBefore");
    expect(await back(rig, 3)).toBe("3");
    expect(await back(rig, 9)).toBe("NoGeneration");
    expect(await listed(rig)).toEqual(["1 replaced healthy", "2 replaced healthy", "3 current healthy"]);
  });

  test("converts newer data where both formats have a text in common", async () => {
    const rig = rigOf({ a: data("1"), b: data("2") });
    await to(rig, "a");
    await to(rig, "b");
    rig.host.write("new");
    expect(await back(rig)).toBe("1");
    expect([rig.host.data().get("slapd")?.format, written(rig)]).toEqual(["1", ["new"]]);
  });

  test("over newer data that cannot be converted restores a backup only if writes may be lost", async () => {
    const rig = rigOf({ a: data("1"), b: data("2"), c: data("2", "other") });
    await to(rig, "a");
    rig.host.write("old");
    await to(rig, "b");
    await to(rig, "c");
    rig.host.write("new");
    // The programs that could still dump it as LDIF have been collected.
    const ports = rig.ports();
    const manifest: typeof ports.manifest = async (path) =>
      path === objectPath("b") ? undefined : ports.manifest(path);
    const toFirst = (discardWrites: boolean) =>
      rollback({ ...ports, manifest }, { to: 1, discardWrites, start: true })();
    const refusal = { name: "slapd", found: "2", wanted: "1", reason: "unconvertible", hasBackup: true };
    expect(await toFirst(false)).toEqual({
      _tag: "Left",
      left: { _tag: "StateRefused", role: "directory", refusals: [refusal] },
    });
    expect(rig.host.running()?.path).toBe(objectPath("c"));
    expect((await toFirst(true))._tag).toBe("Right");
    expect(written(rig)).toEqual(["old"]);
  });

  test("to a generation whose objects are gone is refused", async () => {
    const rig = rigOf({ a: {}, b: {} });
    await to(rig, "a");
    await to(rig, "b");
    const ports = rig.ports();
    const manifest: typeof ports.manifest = async (path) =>
      path === objectPath("a") ? undefined : ports.manifest(path);
    const result = await rollback({ ...ports, manifest }, { to: 1, discardWrites: false, start: true })();
    expect(isLeft(result) ? result.left._tag : "").toBe("GenerationGone");
    expect(rig.host.running()?.path).toBe(objectPath("b"));
  });
});

describe("after a start of the host", () => {
  test("runs the current generation", async () => {
    const rig = rigOf({ a: data("1"), b: data("2") });
    await to(rig, "a");
    await to(rig, "b");
    rig.host.reboot();
    const result = await resume(rig.ports())();
    expect(result).toEqual({ _tag: "Right", right: { number: 2, from: null, isNew: false, healthy: true } });
  });

  test("of a role that was never switched to there is nothing to run", async () => {
    expect(await resume(rigOf({}).ports())()).toEqual({ _tag: "Right", right: undefined });
  });
});

/** What may be done to a role; each is run by a process that may be killed. */
type Action =
  | { readonly do: "switch"; readonly build: string }
  | { readonly do: "rollback"; readonly discardWrites: boolean }
  | { readonly do: "reboot" };

interface Kill {
  readonly at: number;
  readonly isBehind: boolean;
}

async function act(rig: Rig, action: Action, kill?: Kill): Promise<void> {
  const ports = rig.ports(kill === undefined ? {} : { killer: killer(kill.at, kill.isBehind) });
  try {
    if (action.do === "switch") await switchTo(ports, requestFor(action.build))();
    if (action.do === "rollback") {
      await rollback(ports, { to: undefined, discardWrites: action.discardWrites, start: true })();
    }
    if (action.do === "reboot") {
      rig.host.reboot();
      await resume(ports)();
    }
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
}

const two = (one: string, other: string): Partial<MemoryRole> => ({
  state: { slapd: { format: one, converts: "ldif" }, index: { format: other, converts: "text" } },
});

const BUILDS: Readonly<Record<string, Partial<MemoryRole>>> = {
  a: two("1", "1"),
  b: two("2", "2"),
  c: two("2", "3"),
  unhealthy: { ...two("3", "1"), healthy: false },
  broken: { ...two("1", "2"), starts: false },
  alone: { state: { slapd: { format: "9", converts: null } } },
};

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("switch" as const), build: fc.constantFrom(...Object.keys(BUILDS)) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("rollback" as const), discardWrites: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: "reboot" as const }) },
);

const kill = fc.option(fc.record({ at: fc.nat({ max: 60 }), isBehind: fc.boolean() }), { nil: undefined });

describe("killed anywhere, and run again", () => {
  test("the profile is whole, services and data belong together, and nothing written is lost unasked", async () => {
    const steps = fc.array(fc.record({ action, kill }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const rig = rigOf(BUILDS);
        await act(rig, { do: "switch", build: "a" });
        const words: string[] = [];
        let mayLose = false;
        for (const [i, step] of all.entries()) {
          const before = (await rig.folder.read()).current;
          rig.host.write(`${i}`);
          if (rig.host.running() !== undefined) words.push(`${i}`);
          mayLose ||= step.action.do === "rollback" && step.action.discardWrites;
          await act(rig, step.action, step.kill);
          const { current, generations } = await rig.folder.read();
          // The old one or the new one; whole, since it was read.
          const target = step.action.do === "switch" ? objectPath(step.action.build) : undefined;
          const now = generations.find(({ number }) => number === current);
          expect(now).toBeDefined();
          if (current !== before && target !== undefined) expect(now?.path).toBe(target);
        }
        // Whoever comes next: the host starts again. That nobody opens foreign data the host in memory says itself.
        await act(rig, { do: "reboot" });
        const { current, pending, generations } = await rig.folder.read();
        const path = generations.find(({ number }) => number === current)?.path;
        expect([rig.host.running()?.path, pending]).toEqual([path, null]);
        if (!mayLose) expect(written(rig)).toEqual(words);
      }),
      { numRuns: 120 },
    );
  });

  test("at each call of a switch with two conversions, the same switch then succeeds", async () => {
    for (let at = 0; ; at++) {
      for (const isBehind of [false, true]) {
        const rig = rigOf(BUILDS);
        await act(rig, { do: "switch", build: "a" });
        rig.host.write("before");
        const killing = killer(at, isBehind);
        const attempt = switchTo(rig.ports({ killer: killing }), requestFor("b"))();
        if (
          await attempt.then(
            () => true,
            (error) => (error instanceof Killed ? false : Promise.reject(error)),
          )
        )
          return;
        expect([at, await to(rig, "b")]).toEqual([at, "2"]);
        expect(await listed(rig)).toEqual(["1 replaced healthy", "2 current healthy"]);
        expect([rig.host.running()?.path, written(rig)]).toEqual([objectPath("b"), ["before"]]);
      }
    }
  });
});
