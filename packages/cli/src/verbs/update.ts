/** `cab update`: moves recipes to newer versions of what they build: as a patch, or with `--write` for good. */
import { relative } from "node:path";
import type { Pin } from "@cab/core";
import { type Collected, collectFetches, type Edits, type EvaluatorOptions } from "@cab/evaluator";
import { locateRecipes } from "@cab/evaluator/locate";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { type LockFiles, readLockFiles, withPins, writeLockFile, writeWhole } from "../lock-files.ts";
import { type Update, updateRecipe } from "../update-recipe.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { evaluatorEnded, evaluatorOptions, withPinning } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--suite SUITE] [--write] NAME…",
  summary: "Looks in Debian's index and in the npm registry for newer versions of what these recipes build.",
  details:
    "Prints the change as a patch, and what would be rebuilt. A recipe's version is the one string behind version: in its\nfile; what is fetched for another version, the recipe itself says.",
  flags: {
    suite: { type: "string", value: "SUITE", multiple: true, help: "look in this suite of Debian too" },
    write: { type: "boolean", help: "change the recipes, and pin what they fetch" },
  },
  run: async ({ positionals, flags }, host) => {
    if (positionals.length === 0) throw new UsageError("update what? give at least one NAME");
    const options = evaluatorOptions(host, cabRoot(host));
    const locks = await readLockFiles(options);
    const located = await locateRecipes(options, positionals)();
    if (E.isLeft(located)) throw await evaluatorEnded(located.left);
    for (const { name, workspace } of located.right) if (workspace.id !== locks.workspace.id) throw shipped(name);
    const before = await collectAll(options);
    const edits = new Map<string, string>();
    const pins = new Map<string, Pin>();
    const updates: Updated[] = [];
    await withPinning(host, before.settings, async (pinning) => {
      for (const recipe of located.right) {
        const suites = flags.suite ?? [];
        const update = await updateRecipe(recipe, { evaluator: options, pinning, suites, edits });
        host.err(`${recipe.name}: ${outcome(update)}\n`);
        if (update._tag === "UpToDate") continue;
        updates.push(update);
        edits.set(update.file, update.after);
        for (const [key, pin] of update.pins) pins.set(key, pin);
      }
    });
    if (updates.length === 0) return 0;
    const after = await collectAll(options, edits);
    for (const update of updates) host.out(await patchOf(update, host));
    host.err(`${flags.write ? "to be" : "would be"} rebuilt: ${rebuilt(before, after).join(", ")}\n`);
    if (flags.write) write(locks, updates, { pins, before, after });
    else
      host.err(
        `make this change with: cab update --write ${[...(flags.suite ?? []).map((suite) => `--suite ${suite}`), ...positionals].join(" ")}\n`,
      );
    return 0;
  },
});

type Updated = Extract<Update, { readonly _tag: "Updated" }>;

const shipped = (name: string): Ended =>
  new Ended(
    `error: the recipe ${name} is shipped with cab and updated with it\nwrite a recipe of that name in your workspace to have another version\n`,
  );

function outcome(update: Update): string {
  if (update._tag === "Updated") return `${update.from} → ${update.to}, from ${update.where}`;
  const { version, where, otherFiles } = update;
  const others = otherFiles.length > 0 ? `; other upstream files there: ${otherFiles.join(", ")}` : "";
  return `${version} is the newest in ${where}${others}`;
}

async function collectAll(options: EvaluatorOptions, edits?: Edits): Promise<Collected> {
  const collected = await collectFetches(options, "all", edits)();
  if (E.isLeft(collected)) throw await evaluatorEnded(collected.left);
  return collected.right;
}

/** Names of the recipes whose derivations change. */
function rebuilt(before: Collected, after: Collected): string[] {
  const known = new Map(before.roots.map(({ name, drv }) => [name, drv]));
  return after.roots.filter(({ name, drv }) => known.get(name) !== drv).map(({ name }) => name);
}

/** Relative to the current folder, so that `patch -p1` and `git apply` take it there. */
async function patchOf({ file, before, after }: Updated, { cwd }: Host): Promise<string> {
  const { createTwoFilesPatch, FILE_HEADERS_ONLY } = await import("diff");
  const path = relative(cwd, file);
  const options = { context: 3, headerOptions: FILE_HEADERS_ONLY };
  return createTwoFilesPatch(`a/${path}`, `b/${path}`, before, after, undefined, undefined, options);
}

interface Change {
  readonly pins: ReadonlyMap<string, Pin>;
  readonly before: Collected;
  readonly after: Collected;
}

function write(locks: LockFiles, updates: readonly Updated[], { pins, before, after }: Change): void {
  const used = new Set(after.fetches.map(({ key }) => key));
  const dropped = new Set(before.fetches.map(({ key }) => key).filter((key) => !used.has(key)));
  const entries = Object.entries(withPins(locks, pins)).filter(([key]) => !dropped.has(key));
  for (const { file, after: text } of updates) writeWhole(file, text);
  writeLockFile(locks, Object.fromEntries(entries));
}
