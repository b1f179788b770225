import { describe, expect, test } from "vitest";
import { type Disk, diskAfter, everything, type Step } from "./file-system.ts";
import { interpret } from "./recording.ts";
import { parseSystemCalls, splitArguments } from "./system-calls.ts";

const hex = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");

/** As strace writes it: strings and paths of descriptors in hexadecimal. */
const log = (...lines: string[]): string =>
  lines
    .map((line) =>
      line.replace(/"([^"]*)"|<(\/[^>]*)>/g, (_, text, path) =>
        path === undefined ? `"${hex(text)}"` : `<${hex(path)}>`,
      ),
    )
    .join("\n");

const EMPTY: Disk = {
  root: 0,
  nodes: new Map([[0, { _tag: "Directory", mode: 0o755, time: null, entries: new Map() }]]),
};

const recorded = (...lines: string[]) =>
  interpret({ calls: parseSystemCalls(log(...lines)), folder: "/f", initial: EMPTY, umask: 0o022 });

const stepsOf = (...lines: string[]): readonly Step[] => recorded(...lines).steps;

const contents = (...lines: string[]): Record<string, string> => {
  const { nodes, root } = diskAfter(EMPTY, stepsOf(...lines), everything);
  const node = nodes.get(root);
  if (node?._tag !== "Directory") throw new Error("the root is no directory");
  return Object.fromEntries(
    [...node.entries].map(([name, inode]) => {
      const found = nodes.get(inode);
      return [name, found?._tag === "File" ? `${found.mode.toString(8)} ${found.content}` : (found?._tag ?? "")];
    }),
  );
};

describe("system calls", () => {
  test("are taken apart at the commas between their arguments", () => {
    expect(splitArguments('3</a>, [{iov_base="\\x2c", iov_len=1}, {a, b}], 0 /* c, d */, 1')).toEqual([
      "3</a>",
      '[{iov_base="\\x2c", iov_len=1}, {a, b}]',
      "0",
      "1",
    ]);
  });

  test("that another thread's interrupt are put together, and know what had ended when they began", () => {
    const calls = parseSystemCalls(
      log(
        "1 fsync(3</f/a> <unfinished ...>",
        '2 write(4</f/b>, "x", 1) = 1',
        "1 <... fsync resumed>) = 0",
        "2 +++ exited with 0 +++",
      ),
    );
    expect(calls.map(({ thread, name, result, since }) => ({ thread, name, result, since }))).toEqual([
      { thread: 2, name: "write", result: 1, since: 0 },
      { thread: 1, name: "fsync", result: 0, since: 0 },
    ]);
  });

  test("with a string that was cut off are refused", () => {
    expect(() => parseSystemCalls('1 write(1</f>, "\\x61"..., 9) = 9')).toThrow("cut off");
  });
});

describe("what calls change", () => {
  test("is bytes where a descriptor stands, names, and modes less the umask", () => {
    expect(
      contents(
        '1 openat(AT_FDCWD</f>, "a", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</f/a>',
        '1 write(3</f/a>, "one", 3) = 3',
        '1 writev(3</f/a>, [{iov_base="two", iov_len=3}, {iov_base="!", iov_len=1}], 2) = 4',
        '1 pwrite64(3</f/a>, "O", 1, 0) = 1',
        '1 link("/f/a", "/f/b") = 0',
        '1 rename("/f/a", "/f/c") = 0',
        "1 fchmod(3</f/c>, 0100444) = 0",
        '1 mkdir("/f/d", 0777) = 0',
        '1 unlink("/f/nothing") = -1 ENOENT (No such file or directory)',
        '1 openat(AT_FDCWD</f>, "/elsewhere", O_WRONLY|O_CREAT, 0666) = 4</elsewhere>',
        '1 write(4</elsewhere>, "x", 1) = 1',
      ),
    ).toEqual({ b: "444 Onetwo!", c: "444 Onetwo!", d: "Directory" });
  });

  test("is copied from another file as it was then", () => {
    expect(
      contents(
        '1 openat(AT_FDCWD</f>, "a", O_RDWR|O_CREAT, 0644) = 3</f/a>',
        '1 write(3</f/a>, "some text", 9) = 9',
        '1 openat(AT_FDCWD</f>, "b", O_WRONLY|O_CREAT, 0644) = 4</f/b>',
        "1 copy_file_range(3</f/a>, [5], 4</f/b>, NULL, 100, 0) = 4",
        "1 ioctl(4</f/b>, BTRFS_IOC_CLONE or FICLONE, 3</f/a>) = -1 EOPNOTSUPP (Operation not supported)",
      ),
    ).toEqual({ a: "644 some text", b: "644 text" });
  });

  test("belongs to descriptors of its process: threads share them, others have their own", () => {
    const steps = stepsOf(
      '1 openat(AT_FDCWD</f>, "a", O_WRONLY|O_CREAT, 0644) = 3</f/a>',
      "1 clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 2",
      "1 clone(child_stack=NULL, flags=SIGCHLD) = 5",
      '5 openat(AT_FDCWD</f>, "/f", O_RDONLY) = 3</f>',
      '2 write(3</f/a>, "x", 1) = 1',
      "5 syncfs(3</f>) = 0",
      '1 write(1</dev/null>, "done", 4) = 4',
      '5 write(1</dev/null>, "not mine", 8) = 8',
    );
    expect(steps.map(({ _tag }) => _tag)).toEqual(["Names", "Write", "Sync", "Said"]);
    expect(steps[2]).toEqual({ _tag: "Sync", of: null, attributes: true, since: 2 });
  });

  test("is refused where it is not understood", () => {
    const open = '1 openat(AT_FDCWD</f>, "a", O_RDWR|O_CREAT, 0644) = 3</f/a>';
    expect(() => stepsOf(open, "1 mmap(NULL, 10, PROT_READ|PROT_WRITE, MAP_SHARED, 3</f/a>, 0) = 0x7f00")).toThrow(
      "a file is written through memory",
    );
    expect(() => stepsOf(open, "1 splice(4<pipe>, NULL, 3</f/a>, NULL, 10, 0) = 10".replace("<pipe>", ""))).toThrow(
      "its effects are not known",
    );
    expect(() => stepsOf('1 pwrite64(7</f/a>, "x", 1, 0) = 1')).toThrow("it was never seen to be opened");
  });
});
