/**
 * Which disks to look at: for each moment what is certain, what the programs saw, and seeded choices of what a file system
 * may have written in between. Knows the model; neither stores nor folders.
 */
import { createHash } from "node:crypto";
import { type Disk, diskAfter, type Inode, type Kept, type Order, orderOf, type Step } from "./file-system.ts";
import type { Recording } from "./recording.ts";

export type Choice =
  /** Only what was certain to be on the disk. */
  | { readonly _tag: "Certain" }
  | { readonly _tag: "Everything" }
  /** As a journal leaves it: names and attributes up to one moment; bytes as they came. */
  | { readonly _tag: "Journal"; readonly upTo: number; readonly seed: number }
  /** Each change with this probability, if what it needs is there. */
  | { readonly _tag: "Any"; readonly share: number; readonly seed: number }
  /** All but one, and what needs it; or one alone, with what it needs. */
  | { readonly _tag: "Without"; readonly step: number }
  | { readonly _tag: "Only"; readonly step: number };

export interface CrashState {
  /** How many steps were made before the power failed. */
  readonly after: number;
  readonly choice: Choice;
}

/** What a look at a recording needs to know of it. */
export interface Crashing extends Recording {
  readonly order: Order;
}

export const crashing = (recording: Recording): Crashing => ({
  ...recording,
  order: orderOf(recording.initial, recording.steps),
});

/** Numbers from 0 to 1 that follow from the seed alone (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function crashDisk(recording: Crashing, { after, choice }: CrashState): Disk {
  return diskAfter(recording.initial, recording.steps.slice(0, after), keptIn(recording, after, choice));
}

const isCertain = ({ order }: Crashing, after: number, step: number): boolean =>
  (order.durableFrom[step] as number) < after;

/** How much of each step is on the disk. */
function keptIn(recording: Crashing, after: number, choice: Choice): (step: number) => Kept {
  const { steps, order } = recording;
  const kept: Kept[] = [];
  const random = "seed" in choice ? randomNumbers(choice.seed) : () => 0;
  const needed = choice._tag === "Only" ? withNeeds(order, choice.step) : new Set<number>();
  const wanted = (step: Step, at: number): Kept => {
    switch (choice._tag) {
      case "Certain":
        return false;
      case "Everything":
        return true;
      case "Journal":
        return step._tag === "Write" ? someSectors(random) : at < choice.upTo;
      case "Any":
        if (step._tag === "Write" && random() < 0.3) return someSectors(random);
        return random() < choice.share;
      case "Without":
        return at !== choice.step;
      case "Only":
        return needed.has(at);
    }
  };
  for (let at = 0; at < after; at++) {
    const want = wanted(steps[at] as Step, at);
    const isPossible = (order.needs[at] ?? []).every((need) => kept[need] !== false);
    kept.push(isCertain(recording, after, at) || (isPossible && want));
  }
  return (at) => kept[at] as Kept;
}

function someSectors(random: () => number): Kept {
  const [share, seed] = [random(), random() * 2 ** 31];
  if (share < 0.3) return false;
  if (share > 0.7) return true;
  return { sectors: (sector) => randomNumbers(seed ^ sector)() < 0.5 };
}

function withNeeds({ needs }: Order, step: number): Set<number> {
  const all = new Set([step]);
  for (const each of all) for (const need of needs[each] ?? []) all.add(need);
  return all;
}

export interface Sampling {
  readonly seed: number;
  /** Seeded choices at each moment at which something becomes certain, or is said. */
  readonly choices: number;
}

/** Every moment with nothing and with everything of what is pending; and choices at moments that matter. */
export function* crashStates(recording: Crashing, { seed, choices }: Sampling): Generator<CrashState> {
  const { steps } = recording;
  for (let after = 0; after <= steps.length; after++) {
    yield { after, choice: { _tag: "Certain" } };
    yield { after, choice: { _tag: "Everything" } };
  }
  const random = randomNumbers(seed);
  const below = (n: number): number => Math.floor(random() * n);
  for (let after = 1; after <= steps.length; after++) {
    if (!matters(steps[after], steps[after - 1])) continue;
    const pending: number[] = [];
    for (let at = 0; at < after; at++) {
      const isChange = steps[at]?._tag !== "Sync" && steps[at]?._tag !== "Said";
      if (isChange && !isCertain(recording, after, at)) pending.push(at);
    }
    if (pending.length === 0) continue;
    const one = (): number => pending[below(pending.length)] as number;
    for (let i = 0; i < choices; i++) {
      yield { after, choice: { _tag: "Journal", upTo: one(), seed: below(2 ** 31) } };
      yield { after, choice: { _tag: "Any", share: [0.1, 0.5, 0.9][i % 3] as number, seed: below(2 ** 31) } };
      yield { after, choice: { _tag: "Without", step: one() } };
      yield { after, choice: { _tag: "Only", step: one() } };
    }
  }
}

/** Whether what comes next, or came last, makes something certain or tells it. */
const matters = (next: Step | undefined, last: Step | undefined): boolean =>
  [next, last].some(
    (step) => step?._tag === "Sync" || step?._tag === "Said" || (step?._tag === "Write" && step.isThrough),
  );

/**
 * Equal for disks that are the same to whoever opens the store: what lies under temporary names, or belongs to processes
 * that are dead, and LMDB's lock file make no difference.
 */
export function fingerprint({ root, nodes }: Disk): string {
  const sum = createHash("sha256");
  const first = new Map<Inode, number>();
  const add = (inode: Inode): void => {
    const node = nodes.get(inode);
    const same = first.get(inode);
    first.set(inode, same ?? first.size);
    if (same !== undefined || node === undefined) {
      sum.update(`as ${same};`);
      return;
    }
    switch (node._tag) {
      case "Directory":
        sum.update(`directory ${node.mode} ${node.time} ${node.entries.size};`);
        for (const name of [...node.entries.keys()].sort()) {
          sum.update(`${name}\0`);
          if (!/^(?:\.tmp|p|new|db-new)-|^lock\.mdb$/.test(name)) add(node.entries.get(name) as Inode);
        }
        break;
      case "File":
        sum.update(`file ${node.mode} ${node.time} ${node.content.length};`).update(node.content);
        break;
      case "Symlink":
        sum.update(`link ${node.time} ${node.target}\0`);
        break;
      case "Socket":
        sum.update("socket;");
    }
  };
  add(root);
  return sum.digest("hex");
}
