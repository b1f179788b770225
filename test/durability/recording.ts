/**
 * From system calls to what they changed below one folder: names, bytes and attributes of inodes, as file-system.ts takes
 * them. Knows which descriptor is of which file, and where a path leads; what each call does stands in effects.ts.
 */
import { posix } from "node:path";
import { EFFECTS } from "./effects.ts";
import { applyStep, type Disk, type Inode, type Node, type Step } from "./file-system.ts";
import { descriptorIn, type SystemCall, textIn } from "./system-calls.ts";

export interface Recording {
  readonly initial: Disk;
  readonly steps: readonly Step[];
  /** For each step the call that it came from. */
  readonly calls: readonly SystemCall[];
}

export interface RecordedRun {
  readonly calls: readonly SystemCall[];
  /** The folder, absolute and without links in its path; everything outside of it is left out. */
  readonly folder: string;
  /** What was in it before. */
  readonly initial: Disk;
  readonly umask: number;
}

/** A file below the folder that a process has open. */
export interface OpenFile {
  readonly inode: Inode;
  position: number;
  readonly isAppending: boolean;
  /** Opened with O_DSYNC. */
  readonly isThrough: boolean;
}

/** A name below the folder, which need not exist. */
export interface Name {
  readonly directory: Inode;
  readonly name: string;
}

/** What is known when a call ends, for its effects. */
export interface Watch {
  readonly call: SystemCall;
  readonly umask: number;
  /** Whether the call was made by the program that was started, not by one that it started. */
  readonly isFirstProcess: boolean;
  readonly node: (inode: Inode) => Node | undefined;
  readonly take: (step: Step) => void;
  /** A path below the folder, absolute; undefined if it lies elsewhere. `descriptor`: what it is relative to. */
  readonly pathAt: (path: string, descriptor?: string) => string | undefined;
  readonly nameAt: (path: string) => Name;
  readonly inodeAt: (path: string) => Inode | undefined;
  readonly newInode: () => Inode;
  /** Undefined if the file lies outside of the folder. */
  readonly file: (descriptor: string) => OpenFile | undefined;
  readonly setFile: (number: number, file: OpenFile | undefined) => void;
  /** How many steps there were when everything had ended that ended before this call began. */
  readonly stepsBefore: number;
  readonly arg: (n: number) => string;
  readonly misunderstood: (why: string) => Error;
}

export function interpret({ calls, folder, initial, umask }: RecordedRun): Recording {
  const nodes = new Map(initial.nodes);
  const steps: Step[] = [];
  const from: SystemCall[] = [];
  /** For each call how many steps there were when it had ended. */
  const stepsAfter: number[] = [];
  const processes = processesOf(calls);
  const files = new Map<string, OpenFile>();
  let lastInode = Math.max(...initial.nodes.keys());
  const first = calls[0]?.thread;

  const inodeAt = (path: string): Inode | undefined => {
    let inode: Inode | undefined = initial.root;
    for (const part of path.slice(folder.length).split("/").filter(Boolean)) {
      const node: Node | undefined = inode === undefined ? undefined : nodes.get(inode);
      inode = node?._tag === "Directory" ? node.entries.get(part) : undefined;
    }
    return inode;
  };
  const pathOf = (wanted: Inode, inode: Inode = initial.root, path = folder): string | undefined => {
    if (inode === wanted) return path;
    const node = nodes.get(inode);
    if (node?._tag !== "Directory") return undefined;
    for (const [name, below] of node.entries) {
      const found = pathOf(wanted, below, `${path}/${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const inFolder = (path: string): string | undefined =>
    path === folder || path.startsWith(`${folder}/`) ? path : undefined;

  const watch = (call: SystemCall): Watch => {
    const process = processes.get(call.thread) ?? call.thread;
    const key = (number: number): string => `${process}:${number}`;
    const misunderstood = (why: string): Error =>
      new Error(`${call.name}(${call.args.join(", ").slice(0, 400)}): ${why}`);
    return {
      call,
      umask,
      isFirstProcess: process === first,
      node: (inode) => nodes.get(inode),
      take: (step) => {
        applyStep(nodes, step);
        steps.push(step);
        from.push(call);
      },
      pathAt: (path, descriptor) => {
        const [, own, rest = ""] = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/.exec(path) ?? [];
        const open = own === undefined ? undefined : files.get(key(Number(own)));
        if (open !== undefined) return `${pathOf(open.inode)}${rest}`;
        if (path.startsWith("/")) return inFolder(posix.normalize(path));
        if (descriptor === undefined) throw misunderstood("a relative path");
        return inFolder(posix.join(descriptorIn(descriptor).path, path));
      },
      nameAt: (path) => {
        const directory = inodeAt(posix.dirname(path));
        if (directory === undefined) throw misunderstood(`nothing is known at ${posix.dirname(path)}`);
        return { directory, name: posix.basename(path) };
      },
      inodeAt,
      newInode: () => ++lastInode,
      file: (descriptor) => {
        const { number, path } = descriptorIn(descriptor);
        const file = files.get(key(number));
        if (file === undefined && inFolder(path) !== undefined) throw misunderstood("it was never seen to be opened");
        return file;
      },
      setFile: (number, file) => {
        if (file === undefined) files.delete(key(number));
        else files.set(key(number), file);
      },
      stepsBefore: stepsAfter[call.since - 1] ?? 0,
      arg: (n) => {
        const found = call.args[n];
        if (found === undefined) throw misunderstood(`it lacks argument ${n}`);
        return found;
      },
      misunderstood,
    };
  };

  for (const call of calls) {
    if (call.result >= 0) (EFFECTS[call.name] ?? refuse)(watch(call));
    stepsAfter.push(steps.length);
  }
  return { initial, steps, calls: from };
}

/** Of a call whose effects are not known: it may not touch anything below the folder. */
function refuse({ call, pathAt, file, misunderstood }: Watch): void {
  const isOurs = call.args.some((arg) => {
    if (/^\d+</.test(arg)) return file(arg) !== undefined;
    return arg.startsWith('"/') && pathAt(textIn(arg)) !== undefined;
  });
  if (isOurs) throw misunderstood("its effects are not known");
}

const MAKE_THREADS = new Set(["clone", "clone3", "fork", "vfork"]);

/** To which process each thread belongs. A thread may have made calls before the one that made it was seen to end. */
function processesOf(calls: readonly SystemCall[]): Map<number, number> {
  const processes = new Map<number, number>();
  for (const { name, args, thread, result } of calls) {
    if (!MAKE_THREADS.has(name) || result < 0) continue;
    const isThread = args.some((flags) => flags.includes("CLONE_THREAD"));
    processes.set(result, isThread ? (processes.get(thread) ?? thread) : result);
  }
  return processes;
}
