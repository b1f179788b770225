/** Small workspaces in temporary folders, for tests. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Either, isLeft, isRight } from "fp-ts/lib/Either.js";
import { onTestFinished } from "vitest";
import { type Evaluation, type EvaluatorOptions, evaluate } from "../evaluate.ts";
import type { EvaluatorFailure } from "../failure.ts";
import { renderLock } from "../lock.ts";
import type { MemoStore } from "../memo.ts";

export const CORE_ENTRY = join(import.meta.dirname, "../../../core/src/recipes.ts");

/** The pinned compiler. */
export const TYPESCRIPT = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

/** A builder: `thing("zlib", …inputs)` runs a shell on its inputs. */
const THING = `import { type AnyPackage, contentAddressed, definePackage } from "@cab/core";
export const thing = (name: string, ...inputs: AnyPackage[]) =>
  definePackage({ name, version: "1" }, () => ({
    name: \`\${name}-1\`, builder: "/bin/sh", args: inputs, env: {}, rootfs: null, outputs: contentAddressed(["out"]),
  }));
`;

/** The head of a recipe that uses `thing`, in one line. */
export const USE_THING = 'import { thing } from "./lib/thing.ts";';

export const LOCKED_URL = "https://example.org/zlib.tgz";

/** A lock file with one pin of each URL, by the digit that its digest repeats. */
export const lockOf = (digits: Readonly<Record<string, string>>): string =>
  renderLock(
    Object.fromEntries(
      Object.entries(digits).map(([url, digit]) => [
        url,
        { _tag: "File", url, size: 3, algo: "sha256", digest: digit.repeat(64) },
      ]),
    ),
  );

export interface Fixture {
  readonly root: string;
  readonly options: EvaluatorOptions;
  readonly write: (files: Readonly<Record<string, string>>) => void;
  readonly evaluate: (...names: string[]) => Promise<Either<EvaluatorFailure, Evaluation>>;
  readonly failure: (...names: string[]) => Promise<EvaluatorFailure>;
  readonly evaluation: (...names: string[]) => Promise<Evaluation>;
}

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "cab-evaluator-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function memoryMemo(): MemoStore & { readonly values: Map<string, Uint8Array> } {
  const values = new Map<string, Uint8Array>();
  return { values, get: (key) => values.get(key), put: (key, value) => void values.set(key, value) };
}

export function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}

/** A workspace with `derivations/lib/thing.ts`, one pin, and `files`. */
export function workspaceOf(files: Readonly<Record<string, string>>, more: Partial<EvaluatorOptions> = {}): Fixture {
  const root = temporaryFolder();
  writeFiles(root, { "derivations/lib/thing.ts": THING, "cab.lock": lockOf({ [LOCKED_URL]: "a" }), ...files });
  const options: EvaluatorOptions = {
    cwd: root,
    shipped: null,
    coreEntry: CORE_ENTRY,
    platform: { build: "x86_64-linux", host: "x86_64-linux", libc: "distribution", link: "shared" },
    version: "test",
    memo: memoryMemo(),
    now: Date.now,
    typescript: TYPESCRIPT,
    checkTypes: false,
    ...more,
  };
  const run = (...names: string[]) => evaluate(options, names)();
  return {
    root,
    options,
    write: (changed) => writeFiles(root, changed),
    evaluate: run,
    failure: async (...names) => {
      const result = await run(...names);
      if (isRight(result)) throw new Error("expected a failure");
      return result.left;
    },
    evaluation: async (...names) => {
      const result = await run(...names);
      if (isLeft(result)) throw new Error(JSON.stringify(result.left, null, 2));
      return result.right;
    },
  };
}
