/**
 * What a start loads. Each of these lists grows only for a reason: a chunk that a verb does not need costs every run of it
 * (the store's database 25 ms, `node:crypto` 4 ms).
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const CHECKOUT = join(import.meta.dirname, "..");

/** Writes what Node has loaded by its end. */
const HOOK = `
import { registerHooks } from "node:module";
import { writeFileSync } from "node:fs";
const files = [];
registerHooks({ load: (url, context, next) => { if (url.startsWith("file:")) files.push(url); return next(url, context); } });
process.on("exit", () => {
  const internal = /^(internal\\/|_)/;
  const builtins = process.moduleLoadList.filter((name) => name.startsWith("NativeModule ")).map((name) => name.slice(13));
  writeFileSync(process.env.LOADED, JSON.stringify({ files, builtins: builtins.filter((name) => !internal.test(name)) }));
});
`;

interface Loaded {
  /** Of ours. */
  readonly sources: readonly string[];
  /** Of the npm registry. */
  readonly packages: readonly string[];
  /** Node's, beyond those of an empty program. */
  readonly builtins: readonly string[];
}

function folder(): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), "cab-start-")));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function run(program: string, args: readonly string[], cwd: string): { files: string[]; builtins: string[] } {
  const report = join(cwd, "loaded.json");
  writeFileSync(join(cwd, "hook.mjs"), HOOK);
  const env = {
    ...process.env,
    CAB_ROOT: join(cwd, "root"),
    LOADED: report,
    NODE_OPTIONS: `--import=${join(cwd, "hook.mjs")}`,
  };
  execFileSync(program, args, { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  return JSON.parse(readFileSync(report, "utf8"));
}

/** esbuild names each file that a chunk is made of, in a comment. */
function loadedBy(args: readonly string[], cwd: string): Loaded {
  const { files, builtins } = run(join(CHECKOUT, "cab"), args, cwd);
  const empty = new Set(run(process.execPath, ["-e", "0"], cwd).builtins);
  const chunks = files.map((url) => fileURLToPath(url));
  const named = chunks.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/^\/\/ (\S+\.[mc]?[jt]s)$/gm)].map(([, name]) =>
      join(dirname(dirname(file)), name as string),
    ),
  );
  const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();
  const packageOf = (file: string): string =>
    /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? basename(file);
  return {
    sources: sorted(
      named
        .filter((file) => !file.includes("/node_modules/"))
        .map((file) => file.slice(`${CHECKOUT}/packages/`.length)),
    ),
    packages: sorted(named.filter((file) => file.includes("/node_modules/")).map(packageOf)),
    builtins: builtins.filter((name) => !empty.has(name)).sort(),
  };
}

const FRAME = [
  "cli/src/cab.ts",
  "cli/src/ended.ts",
  "cli/src/main.ts",
  "cli/src/verb.ts",
  "cli/src/verbs/index.ts",
  "cli/src/version.ts",
];

/** A pipe as standard output, the launcher's flag for modules in a realm, and the cache of compiled code. */
const BUILTINS = ["net", "vm", "worker_threads"];

it("cab --version loads the command's frame", () => {
  expect(loadedBy(["--version"], folder())).toEqual({ sources: FRAME, packages: [], builtins: BUILTINS });
});

const REMEMBERED = [
  "cli/src/cab-root.ts",
  "cli/src/evaluation-flags.ts",
  "cli/src/verbs/eval.ts",
  "cli/src/wiring.ts",
  "core/src/base32.ts",
  "core/src/bytes.ts",
  "core/src/derivation.ts",
  "core/src/encoding.ts",
  "core/src/platform.ts",
  "core/src/recipe/evaluate.ts",
  "core/src/recipe/source.ts",
  "core/src/sha256.ts",
  "core/src/store-path.ts",
  "evaluator/src/evaluate.ts",
  "evaluator/src/failure.ts",
  "evaluator/src/memo-files.ts",
  "evaluator/src/memo.ts",
  "evaluator/src/stamps.ts",
  "evaluator/src/workspace.ts",
  "executor/src/sandbox/host-facts.ts",
];

it("an evaluation that is remembered loads neither store nor realm nor bundler", () => {
  const workspace = folder();
  mkdirSync(join(workspace, "derivations"));
  writeFileSync(
    join(workspace, "derivations/app.ts"),
    `import { contentAddressed, definePackage } from "@cab/core";
export default definePackage({ name: "app" }, () => ({
  name: "app", builder: "/bin/sh", env: {}, rootfs: null, outputs: contentAddressed(["out"]),
}));
`,
  );
  // The second one looks again at files that were so young to the first that it could not trust their stamps.
  loadedBy(["eval", "app"], workspace);
  loadedBy(["eval", "app"], workspace);
  expect(loadedBy(["eval", "app"], workspace)).toEqual({
    sources: [...FRAME, ...REMEMBERED].sort(),
    packages: ["@noble/hashes", "fp-ts"],
    builtins: BUILTINS,
  });
});
