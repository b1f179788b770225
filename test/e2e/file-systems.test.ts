/** The real command on file systems as they may be: read-only, parts of the store elsewhere, full. */
import { execFileSync, spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CabOptions, CHECKOUT, cab, realise, removeFolder, temporaryFolder } from "./support.ts";
import { baseOf, writtenRecipes } from "./written.ts";

const folder = temporaryFolder("file-systems");
/** Another file system that everybody may write to. */
const elsewhere = mkdtempSync("/dev/shm/cab-e2e-");
beforeAll(() => cab(["--version"], { root: null }));
afterAll(() => {
  removeFolder(folder);
  removeFolder(elsewhere);
});

const cwd = writtenRecipes(join(folder, "workspace"));

/** Words that run a command as root of its own namespace, behind shell commands that mount something. */
const behind = (commands: string, ...args: string[]): string[] => [
  ...["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"],
  `n=$1; shift; ${commands} && shift "$n" && exec "$@"`,
  "sh",
  ...[String(args.length), ...args],
];
const mayMount = spawnSync("unshare", ["--user", "--map-root-user", "--mount", "true"]).status === 0;

describe.skipIf(!mayMount)("on a read-only file system (needs user namespaces)", () => {
  const root = join(folder, "read-only");
  const options: CabOptions = { root, cwd };
  const readOnly: CabOptions = {
    ...options,
    under: behind('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', root),
  };
  const stream = join(folder, "stream");
  /** Every name, mode, time and size. */
  const listing = (): string => execFileSync("find", [root, "-printf", "%P %m %T@ %s\n"], { encoding: "utf8" });
  let before = "";

  beforeAll(async () => {
    const { outputs } = await realise(["app", "library"], options);
    expect(await cab(["roots", "add", "app"], options)).toMatchObject({ code: 0 });
    expect(await cab(["export", "app"], { ...options, stdout: stream })).toMatchObject({ code: 0 });
    expect(outputs.app?.out).toMatch(/-app$/);
    // What is remembered of an evaluation is written by a second one at the latest.
    await realise(["app", "library"], options);
    before = listing();
  });

  test.each([
    ["realise what is up to date", ["realise", "app"], /-app\n$/],
    ["realise --dry-run", ["realise", "--dry-run", "other"], /^would build:\n {2}other\n$/],
    ["path-info", ["path-info", "--closure", "app"], /-library\n.*-app\n$/],
    ["size", ["size", "app"], /closure: .* in 2 objects/],
    ["why", ["why", "app", "library"], /byte 17\n/],
    ["diff", ["diff", "app", "library"], /removed +app/],
    ["eval", ["eval", "app"], /builtin:write@1/],
    ["options", ["options", "app"], /^/],
    ["verify", ["verify", "--contents"], /^$/],
    ["push", ["push", join(folder, "cache"), "app"], /^/],
    ["export", ["export", "app"], /^/],
    ["repair of a whole store", ["repair"], /^$/],
  ])("%s works", async (_, args, said) => {
    const { code, stdout, stderr } = await cab(args, readOnly);
    expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(said);
    expect(listing()).toBe(before);
  });

  test.each([
    ["realise what is not there", ["realise", "other"], undefined],
    ["gc", ["gc"], undefined],
    ["gc --dry-run", ["gc", "--dry-run"], undefined],
    ["roots", ["roots"], undefined],
    ["roots add", ["roots", "add", "library"], undefined],
    ["roots remove", ["roots", "remove", "app"], undefined],
    ["import", ["import"], stream],
    ["repair --db", ["repair", "--db"], undefined],
  ])("%s is refused with what to do", async (_, args, stdin) => {
    const { code, stdout, stderr } = await cab(args, { ...readOnly, ...(stdin === undefined ? {} : { stdin }) });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("the file system is read-only: mount it so that it can be written, or set CAB_ROOT");
    expect(listing()).toBe(before);
  });
});

describe.skipIf(!mayMount)("with a part of the store on another file system (needs user namespaces)", () => {
  const parts = ["store", "store/.links", "var", "var/db", "var/log", "var/processes"];

  /** Everything that a store is for, whatever lies where. */
  async function exercise(options: CabOptions & { readonly root: string }): Promise<void> {
    const { outputs } = await realise(["app", "library", "other"], options);
    const again = await realise(["app", "library", "other"], options);
    expect(again).toMatchObject({ built: [], outputs });
    expect(await cab(["verify", "--contents"], options)).toMatchObject({ code: 0, stdout: "" });
    const file = join(options.root, "store", baseOf(outputs.library?.out));
    const spoil = ["sh", "-c", 'chmod 644 "$0" && echo spoilt > "$0"', file];
    const { under: [...words] = [] } = options;
    execFileSync((words[0] ?? spoil[0]) as string, [...words.slice(1), ...(words.length > 0 ? spoil : spoil.slice(1))]);
    expect(await cab(["repair"], options)).toMatchObject({ code: 0, stdout: `${outputs.library?.out}\n` });
    expect(await cab(["roots", "add", "app"], options)).toMatchObject({ code: 0 });
    expect(await cab(["gc"], options)).toMatchObject({ code: 0, stderr: expect.stringContaining("deleted 1 object") });
    const stream = join(dirname(options.root), "stream");
    expect(await cab(["export", "app"], { ...options, stdout: stream })).toMatchObject({ code: 0 });
    expect(await cab(["roots", "remove", "app"], options)).toMatchObject({ code: 0 });
    expect(await cab(["gc"], options)).toMatchObject({ code: 0, stderr: expect.stringContaining("deleted 2 objects") });
    expect(await cab(["import"], { ...options, stdin: stream })).toMatchObject({ code: 0 });
    expect(await cab(["verify", "--contents"], options)).toMatchObject({ code: 0, stdout: "" });
  }

  test.each(parts)("%s being a link to it", async (part) => {
    const root = join(mkdtempSync(join(folder, "link-")), "root");
    mkdirSync(dirname(join(root, part)), { recursive: true });
    symlinkSync(mkdtempSync(join(elsewhere, "link-")), join(root, part));
    await exercise({ root, cwd });
    expect(lstatSync(join(root, part)).isSymbolicLink()).toBe(true);
    expect(await cab(["repair", "--db"], { root, cwd })).toMatchObject({ code: 0 });
    expect(await realise(["app", "library"], { root, cwd })).toMatchObject({ built: [] });
  });

  test.each(parts)("%s being where it is mounted", async (part) => {
    const root = join(mkdtempSync(join(folder, "mount-")), "root");
    mkdirSync(join(root, part), { recursive: true });
    const there = mkdtempSync(join(elsewhere, "mount-"));
    const under = behind('mount --bind "$1" "$2"', there, join(root, part));
    await exercise({ root, cwd, under });
    const rebuilt = await cab(["repair", "--db"], { root, cwd, under });
    if (part === "var/db") {
      expect(rebuilt).toMatchObject({ code: 1, stderr: expect.stringContaining("is a mount point") });
    } else {
      expect(rebuilt).toMatchObject({ code: 0 });
    }
    expect(await realise(["app", "library"], { root, cwd, under })).toMatchObject({ built: [] });
  });
});

/** On a tmpfs of its own that is filled to the last page: each verb's exit code, and what it said. */
const FULL_DISK = `mount -t tmpfs -o size=8m tmpfs "$CAB_ROOT" || exit
"$0" realise app library > /dev/null 2>&1
dd if=/dev/zero of="$CAB_ROOT/filling" bs=4096 2> /dev/null
for verb; do
  said=$("$0" $verb 2>&1 < /dev/null); echo "$? $(echo "$said" | tr '\\n' '|')"
done
ls -A "$CAB_ROOT/store" "$CAB_ROOT/var/processes" | tr '\\n' ' '; echo
"$0" gc; "$0" path-info --all | wc -l
rm "$CAB_ROOT/filling"; exec "$0" realise app other`;

test.skipIf(!mayMount)(
  "a full disk is read, and emptied; what needs room says so (needs user namespaces)",
  async () => {
    const root = join(folder, "full");
    mkdirSync(root);
    const reading = ["realise app", "path-info app", "size app", "why app library", "verify", "roots", "gc --dry-run"];
    const writing = ["realise other", "roots add app"];
    const { stdout } = spawnSync(
      "unshare",
      ["--user", "--map-root-user", "--mount", "sh", "-c", FULL_DISK, join(CHECKOUT, "cab"), ...reading, ...writing],
      { cwd, env: { PATH: process.env.PATH, CAB_ROOT: root }, encoding: "utf8" },
    );
    const lines = stdout.trimEnd().split("\n");
    const codes = lines.slice(0, reading.length + writing.length);
    expect(codes.map((line) => line.slice(0, 2))).toEqual([...reading.map(() => "0 "), ...writing.map(() => "1 ")]);
    for (const line of codes.slice(reading.length)) expect(line).toContain("the disk is full: free space there");
    expect(lines.slice(codes.length)).toEqual([
      expect.stringMatching(/^\S+\/store: \.links \S+-app \S+-library {2}\S+\/processes: $/),
      "0",
      expect.stringMatching(/-app$/),
      expect.stringMatching(/-other$/),
    ]);
  },
);
