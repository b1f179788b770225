/**
 * What the power may fail in, as tests: every operation on a store recorded under strace, which comes from a store of our
 * own, and the disks that may be left of it judged. How many of them, the caller says.
 */
import { accessSync, constants, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHECKOUT, cab, fromCache, realise, removeFolder, temporaryFolder } from "../e2e/support.ts";
import { crashing } from "./crash-states.ts";
import { type OperationName, operations } from "./operations.ts";
import type { Recording } from "./recording.ts";
import { ends, type Recorded, type ReplayOptions, record, replay, type Strace } from "./replay.ts";

export interface Fault {
  readonly operation: OperationName;
  readonly what: string;
  readonly change: (recording: Recording, folder: string) => Recording & { readonly changed: number };
}

export interface SuiteOptions {
  /** How many disks of each operation are looked at. */
  readonly replays: Readonly<Record<OperationName, ReplayOptions>>;
  /** Each of them must be found. */
  readonly faults: readonly Fault[];
}

const NAMES = Object.keys(operations) as OperationName[];

/** Where disks are made: in memory if possible, since they are many, and none needs to survive anything. */
function scratchFolder(): string {
  try {
    accessSync("/dev/shm", constants.W_OK);
    return mkdtempSync("/dev/shm/cab-durability-");
  } catch {
    return mkdtempSync(join(tmpdir(), "cab-durability-"));
  }
}

export function durabilitySuite({ replays, faults }: SuiteOptions): void {
  const folder = temporaryFolder("strace");
  const scratch = scratchFolder();
  const root = join(folder, "root");
  const cwd = join(CHECKOUT, "test/e2e/strace");
  const recordings = new Map<OperationName, Promise<Recorded>>();
  /** Why nothing can be recorded here; undefined if it can. */
  let forbidden: string | undefined;

  beforeAll(async () => {
    await realise(["strace"], { root, cwd, args: fromCache() });
    const { code, stderr } = await cab(["run", "strace", "strace", "-f", "true"], { root, cwd });
    if (code !== 0) forbidden = `no process may be traced here: ${stderr.trim().split("\n").at(-1)}`;
  });
  afterAll(() => {
    removeFolder(folder);
    removeFolder(scratch);
  });

  /** An operation's disks lie where it was recorded: one look at a time. */
  const inTurn = new Map<OperationName, Promise<unknown>>();
  const alone = <A>(operation: OperationName, action: () => Promise<A>): Promise<A> => {
    const turn = (inTurn.get(operation) ?? Promise.resolve()).then(action, action);
    inTurn.set(operation, turn);
    return turn;
  };

  const recorded = (operation: OperationName): Promise<Recorded> => {
    const strace: Strace = {
      words: [join(CHECKOUT, "cab"), "run", "strace", "strace"],
      cwd,
      env: { CAB_ROOT: root, HOME: "/nonexistent" },
    };
    const known = recordings.get(operation) ?? record(operation, strace, mkdtempSync(join(scratch, `${operation}-`)));
    recordings.set(operation, known);
    return known;
  };

  describe.each(NAMES)("%s", (operation) => {
    test.concurrent("is recorded: nothing that it changes goes unseen", async ({ skip }) => {
      skip(forbidden !== undefined, forbidden);
      const [seen, there] = ends(await recorded(operation));
      expect(seen).toEqual(there);
    });

    test.concurrent("leaves a sound store with all that it has reported, wherever the power fails", async ({
      skip,
    }) => {
      skip(forbidden !== undefined, forbidden);
      const run = await recorded(operation);
      const { disks, findings } = await alone(operation, () =>
        replay(run, crashing(run.recording), replays[operation]),
      );
      expect(findings).toEqual([]);
      expect(disks).toBeGreaterThanOrEqual(10);
    });
  });

  if (faults.length === 0) return;
  test.concurrent.for(faults)("$operation: found out if it $what", async ({ operation, change }, { skip }) => {
    skip(forbidden !== undefined, forbidden);
    const run = await recorded(operation);
    const faulty = change(run.recording, run.place.folder);
    expect(faulty.changed).toBeGreaterThan(0);
    const options = { ...replays[operation], disks: Number.POSITIVE_INFINITY, findings: 1, lastFirst: true };
    const { findings } = await alone(operation, () => replay(run, crashing(faulty), options));
    expect(findings).toHaveLength(1);
  });
}
