/**
 * Reads what strace wrote (`-f -y -xx`): system calls in the order in which they ended, with their arguments taken apart.
 * Knows strace's notation; not what a call does.
 */

export interface SystemCall {
  /** The thread that made it. */
  readonly thread: number;
  readonly name: string;
  readonly args: readonly string[];
  /** The value it returned; negative if it failed. */
  readonly result: number;
  /** How many calls had ended when it began. */
  readonly since: number;
}

/**
 * All that change files or make them durable, and how a process gets threads and children. What strace does not know by
 * name, being older than the kernel, is marked with `?`.
 */
export const TRACED = [
  ...["open", "openat", "openat2", "creat", "mkdir", "mkdirat", "mknod", "mknodat", "bind"],
  ...["write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek"],
  ...["copy_file_range", "sendfile", "splice", "ioctl", "mmap"],
  ...["truncate", "ftruncate", "fallocate"],
  ...["rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir"],
  ...["chmod", "fchmod", "fchmodat", "?fchmodat2", "utime", "utimes", "futimesat", "utimensat"],
  ...["setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"],
  ...["fsync", "fdatasync", "syncfs", "sync", "sync_file_range", "msync"],
  ...["clone", "?clone3", "fork", "vfork"],
];

/** Longer than anything that is written at once: a string that is cut off is refused. */
const STRING_BYTES = 1 << 26;

/** strace's arguments; the program and its own follow. */
export const straceArguments = (log: string): string[] => [
  ...["-f", "--seccomp-bpf", "-y", "-xx", "-s", String(STRING_BYTES)],
  ...["-o", log, "-e", `trace=${TRACED.join(",")}`, "-e", "signal=none"],
];

const LINE = /^(\d+) +(.*)$/;
const RESUMED = /^<\.\.\. \w+ resumed>/;
const UNFINISHED = " <unfinished ...>";
const CALL = /^(\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+)/s;

export function parseSystemCalls(log: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const begun = new Map<string, { readonly text: string; readonly since: number }>();
  for (const line of log.split("\n")) {
    const [, thread, text] = LINE.exec(line) ?? [];
    if (thread === undefined || text === undefined || text.startsWith("+++") || text.startsWith("---")) continue;
    if (text.endsWith(UNFINISHED)) {
      begun.set(thread, { text: text.slice(0, -UNFINISHED.length), since: calls.length });
      continue;
    }
    const isEnd = RESUMED.test(text);
    const beginning = isEnd ? begun.get(thread) : undefined;
    if (isEnd && beginning === undefined) throw new Error(`a call ends that never began: ${text.slice(0, 200)}`);
    const whole = isEnd ? (beginning?.text ?? "") + text.replace(RESUMED, "") : text;
    const [, name, args, result] = CALL.exec(whole) ?? [];
    if (name === undefined || args === undefined) throw new Error(`not a system call: ${whole.slice(0, 200)}`);
    calls.push({
      thread: Number(thread),
      name,
      args: splitArguments(args),
      // Of a call in which its process ended.
      result: result === "?" ? -1 : Number(result),
      since: beginning?.since ?? calls.length,
    });
  }
  return calls;
}

/** At commas outside of brackets and strings; comments are left out. */
export function splitArguments(text: string): string[] {
  const args: string[] = [];
  let depth = 0;
  let current = "";
  let from = 0;
  const plain = (to: number): void => {
    current += text.slice(from, to);
    from = to;
  };
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') {
      const end = text.indexOf('"', i + 1);
      if (text.startsWith("...", end + 1)) throw new Error("a string of a system call was cut off");
      i = end;
    } else if (character === "/" && text[i + 1] === "*") {
      plain(i);
      i = text.indexOf("*/", i) + 1;
      from = i + 1;
    } else if (character === "[" || character === "{") {
      depth++;
    } else if (character === "]" || character === "}") {
      depth--;
    } else if (character === "," && depth === 0) {
      plain(i);
      args.push(current.trim());
      current = "";
      from = i + 1;
    }
  }
  plain(text.length);
  if (current.trim() !== "" || args.length > 0) args.push(current.trim());
  return args;
}

const HEX_STRING = /"((?:\\x[0-9a-f]{2})*)"/g;
const DESCRIPTOR = /^(AT_FDCWD|-?\d+)(?:<((?:\\x[0-9a-f]{2})*)>.*)?$/;

const bytesOfHex = (escaped: string): Buffer => Buffer.from(escaped.replaceAll("\\x", ""), "hex");

/** The bytes of all strings in an argument, one after the other: a buffer, or a list of them. */
export const bytesIn = (arg: string): Buffer =>
  Buffer.concat([...arg.matchAll(HEX_STRING)].map(([, escaped = ""]) => bytesOfHex(escaped)));

/** One character for each byte. */
export const textIn = (arg: string): string => bytesIn(arg).toString("latin1");

/** A descriptor's number, and where it leads; the number is NaN for the working directory. */
export function descriptorIn(arg: string): { readonly number: number; readonly path: string } {
  const [, number, path = ""] = DESCRIPTOR.exec(arg) ?? [];
  if (number === undefined) throw new Error(`not a descriptor: ${arg}`);
  return { number: Number(number), path: bytesOfHex(path).toString("latin1") };
}
