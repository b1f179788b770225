/**
 * What a file system may hold after the power failed: which of the changes that programs made are on the disk for certain,
 * and which may be there or not. Knows files and directories; not what they mean, nor where the changes come from.
 *
 * The model promises what POSIX does and what every journal does, and no more:
 * - A change of names (create, link, rename, unlink, mkdir, rmdir) is there wholly or not at all, and not before those that
 *   changed the same names. Nothing orders it otherwise: not with other names, not with bytes, not with attributes.
 * - Written bytes are there for each sector of 512 bytes or not, in any order. Where they are not and the file has its new
 *   length, there are zeros.
 * - fsync of a file brings its bytes and attributes, but not its name. fsync of a directory brings all changes of its names,
 *   with the symbolic links there, which nothing else could sync; and no file's bytes. A rename is brought by either of its
 *   directories. fdatasync brings bytes and length; so does each write through a descriptor opened with O_DSYNC, its own.
 * - syncfs brings everything.
 *
 * ext4, XFS and btrfs promise more: their journals keep changes of names and attributes in order. Whatever such a journal
 * can leave behind this model can too.
 */

export type Inode = number;

/** `time`: seconds since 1970 that somebody set; null if nobody did. Names and targets hold one character for each byte. */
export type Node =
  | { readonly _tag: "File"; readonly mode: number; readonly time: number | null; readonly content: Buffer }
  | {
      readonly _tag: "Directory";
      readonly mode: number;
      readonly time: number | null;
      readonly entries: ReadonlyMap<string, Inode>;
    }
  | { readonly _tag: "Symlink"; readonly time: number | null; readonly target: string }
  | { readonly _tag: "Socket" };

export interface Disk {
  readonly root: Inode;
  readonly nodes: ReadonlyMap<Inode, Node>;
}

/** What a name in a directory leads to from now on; null: nothing. */
export interface Entry {
  readonly directory: Inode;
  readonly name: string;
  readonly inode: Inode | null;
}

export type Step =
  | {
      readonly _tag: "Names";
      readonly entries: readonly Entry[];
      readonly made: { readonly inode: Inode; readonly node: Node } | null;
    }
  | {
      readonly _tag: "Write";
      readonly inode: Inode;
      readonly offset: number;
      readonly bytes: Buffer;
      readonly isThrough: boolean;
    }
  | { readonly _tag: "Length"; readonly inode: Inode; readonly length: number }
  | { readonly _tag: "Attributes"; readonly inode: Inode; readonly mode: number | null; readonly time: number | null }
  /** `of`: null for the whole file system. Brings steps before `since`: those that had ended when it began. */
  | { readonly _tag: "Sync"; readonly of: Inode | null; readonly attributes: boolean; readonly since: number }
  /** The program told somebody else something; this much of it must be true after a crash. */
  | { readonly _tag: "Said"; readonly text: string };

export const SECTOR = 512;

/** How much of a step is on the disk. `sectors`: of a write, by their number in the file. */
export type Kept = boolean | { readonly sectors: (sector: number) => boolean };

/** What the programs see: nothing is lost as long as the power is on. */
export const everything = (): Kept => true;

/** The disk when these steps, as far as they are kept, have been written to it. */
export function diskAfter(initial: Disk, steps: readonly Step[], kept: (step: number) => Kept): Disk {
  const nodes = new Map(initial.nodes);
  for (const [at, step] of steps.entries()) {
    const much = kept(at);
    if (much !== false) applyStep(nodes, step, much);
    // What was made exists even if this name of it is lost: it may have others.
    else if (step._tag === "Names" && step.made !== null) nodes.set(step.made.inode, step.made.node);
  }
  return { root: initial.root, nodes };
}

/** Changes `nodes` as the step does. */
export function applyStep(nodes: Map<Inode, Node>, step: Step, kept: Kept = true): void {
  if (step._tag === "Sync" || step._tag === "Said") return;
  if (step._tag === "Names") {
    if (step.made !== null) nodes.set(step.made.inode, step.made.node);
    for (const { directory, name, inode } of step.entries) setEntry(nodes, directory, { name, inode });
    return;
  }
  const node = nodes.get(step.inode);
  if (node === undefined) throw new Error(`BUG: inode ${step.inode} was never made`);
  if (step._tag === "Attributes") {
    if (node._tag === "Socket") return;
    const time = step.time ?? node.time;
    nodes.set(
      step.inode,
      node._tag === "Symlink" ? { ...node, time } : { ...node, mode: step.mode ?? node.mode, time },
    );
  } else if (node._tag === "File") {
    const content = step._tag === "Write" ? written(node.content, step, kept) : resized(node.content, step.length);
    nodes.set(step.inode, { ...node, content });
  }
}

function setEntry(
  nodes: Map<Inode, Node>,
  directory: Inode,
  { name, inode }: { readonly name: string; readonly inode: Inode | null },
): void {
  const node = nodes.get(directory);
  if (node?._tag !== "Directory") return;
  const entries = new Map(node.entries);
  if (inode === null) entries.delete(name);
  else entries.set(name, inode);
  nodes.set(directory, { ...node, entries });
}

function resized(content: Buffer, length: number): Buffer {
  const next = Buffer.alloc(length);
  content.copy(next, 0, 0, length);
  return next;
}

function written(
  content: Buffer,
  { offset, bytes }: { readonly offset: number; readonly bytes: Buffer },
  kept: Kept,
): Buffer {
  const next = resized(content, Math.max(content.length, offset + bytes.length));
  for (let at = 0; at < bytes.length; ) {
    const sector = Math.floor((offset + at) / SECTOR);
    const end = Math.min(bytes.length, (sector + 1) * SECTOR - offset);
    if (kept === true || (kept !== false && kept.sectors(sector))) bytes.copy(next, offset + at, at, end);
    at = end;
  }
  return next;
}

/** What the steps say of one another. */
export interface Order {
  /** For each step those without which it cannot be on the disk; all of them are earlier. */
  readonly needs: readonly (readonly number[])[];
  /** For each step the one from which on it is on the disk for certain; infinite if there is none. */
  readonly durableFrom: readonly number[];
}

export function orderOf(initial: Disk, steps: readonly Step[]): Order {
  const needs = needsOf(initial, steps);
  const durableFrom = steps.map((step, at) =>
    step._tag === "Write" && step.isThrough ? at : Number.POSITIVE_INFINITY,
  );
  const symlinks = symlinkPlaces(initial, steps);
  for (const [at, sync] of steps.entries()) {
    if (sync._tag !== "Sync") continue;
    for (let i = sync.since - 1; i >= 0; i--) {
      if (isBrought(steps[i] as Step, sync, symlinks)) settle(i, at, { needs, durableFrom });
    }
  }
  return { needs, durableFrom };
}

function settle(step: number, at: number, order: { readonly needs: Order["needs"]; durableFrom: number[] }): void {
  if ((order.durableFrom[step] as number) <= at) return;
  order.durableFrom[step] = at;
  for (const need of order.needs[step] ?? []) settle(need, at, order);
}

function isBrought(
  step: Step,
  { of, attributes }: Extract<Step, { _tag: "Sync" }>,
  symlinks: ReadonlyMap<Inode, ReadonlySet<Inode>>,
): boolean {
  if (step._tag === "Sync" || step._tag === "Said") return false;
  if (of === null) return true;
  switch (step._tag) {
    case "Names":
      return step.entries.some(({ directory }) => directory === of);
    case "Attributes":
      return (attributes && step.inode === of) || symlinks.get(step.inode)?.has(of) === true;
    default:
      return step.inode === of;
  }
}

/** For each symbolic link the directories that it ever was in. */
function symlinkPlaces(initial: Disk, steps: readonly Step[]): Map<Inode, Set<Inode>> {
  const places = new Map<Inode, Set<Inode>>();
  const place = (inode: Inode | null, directory: Inode): void => {
    if (inode !== null) places.get(inode)?.add(directory);
  };
  for (const [inode, node] of initial.nodes) if (node._tag === "Symlink") places.set(inode, new Set());
  for (const [directory, node] of initial.nodes) {
    if (node._tag === "Directory") for (const inode of node.entries.values()) place(inode, directory);
  }
  for (const step of steps) {
    if (step._tag !== "Names") continue;
    if (step.made?.node._tag === "Symlink") places.set(step.made.inode, new Set());
    for (const { inode, directory } of step.entries) place(inode, directory);
  }
  return places;
}

function needsOf(initial: Disk, steps: readonly Step[]): number[][] {
  const lastOfName = new Map<string, number>();
  const lastAttributes = new Map<Inode, number>();
  const inDirectory = new Map<Inode, number[]>();
  const leadsTo = new Map<string, Inode | null>();
  const keyOf = ({ directory, name }: Entry): string => `${directory}/${name}`;
  for (const [directory, node] of initial.nodes) {
    if (node._tag !== "Directory") continue;
    for (const [name, inode] of node.entries) leadsTo.set(keyOf({ directory, name, inode }), inode);
  }
  return steps.map((step, at) => {
    const needs = new Set<number>();
    const need = (earlier: number | undefined): void => {
      if (earlier !== undefined) needs.add(earlier);
    };
    if (step._tag === "Attributes") {
      // An inode is written as a whole.
      need(lastAttributes.get(step.inode));
      lastAttributes.set(step.inode, at);
    }
    if (step._tag !== "Names") return [...needs];
    for (const entry of step.entries) {
      const key = keyOf(entry);
      need(lastOfName.get(key));
      lastOfName.set(key, at);
      const before = leadsTo.get(key);
      // A directory goes only when it is empty, or when it goes elsewhere.
      const goes = before != null && !step.entries.some(({ inode }) => inode === before);
      if (goes) for (const earlier of inDirectory.get(before) ?? []) need(earlier);
      leadsTo.set(key, entry.inode);
      inDirectory.set(entry.directory, [...(inDirectory.get(entry.directory) ?? []), at]);
    }
    needs.delete(at);
    return [...needs];
  });
}
