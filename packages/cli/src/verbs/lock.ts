/** `cab lock`: pins what recipes fetch. Nothing else writes `cab.lock`. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Pin, WorkspaceSettings } from "@cab/core";
import { collectFetches, findWorkspaces, lockFile, parseLock, renderLock, type Workspace } from "@cab/evaluator";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { buildText } from "../render-failure.ts";
import { defineVerb, type Host } from "../verb.ts";
import { evaluatorEnded, evaluatorOptions, pinHost } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--update] [--check] [NAME…]",
  summary: "Pins in cab.lock what these recipes fetch (without NAME: all recipes) and what is not pinned yet.",
  details:
    "Debian's files are looked up in the mirror's signed index, npm's in the registry; other URLs are downloaded.",
  flags: {
    update: { type: "boolean", help: "look up again what is pinned already" },
    check: { type: "boolean", help: "write nothing; exit with 1 if something is not pinned" },
  },
  run: async ({ positionals, flags }, host) => {
    const options = evaluatorOptions(host, cabRoot(host));
    const workspace = ownWorkspace(E.getOrElseW(() => [])(findWorkspaces(options)));
    const collected = await collectFetches(options, positionals.length > 0 ? positionals : "all")();
    if (E.isLeft(collected)) throw await evaluatorEnded(collected.left);
    const { fetches, settings } = collected.right;
    const missing = fetches.filter(({ pinned }) => flags.update === true || !pinned);
    if (flags.check) return check(host, missing);
    const pinned = await pin(
      host,
      settings,
      missing.map(({ request }) => request),
    );
    const before = pinsOf(workspace);
    const after = { ...before, ...Object.fromEntries(pinned) };
    writeWhole(lockFile(workspace), renderLock(after));
    const changed = [...pinned].filter(([key, { digest }]) => before[key]?.digest !== digest).map(([key]) => key);
    for (const key of changed.sort()) host.out(`${before[key] === undefined ? "pinned" : "changed"} ${key}\n`);
    host.err(`${changed.length} of ${fetches.length} fetches are new or changed in ${lockFile(workspace)}\n`);
    return 0;
  },
});

function ownWorkspace([own]: readonly Workspace[]): Workspace {
  if (own !== undefined) return own;
  throw new Ended("error: there is no workspace here, nor above: make a folder derivations/ with a recipe in it\n");
}

function check(host: Host, missing: readonly { readonly key: string; readonly wantedBy: readonly string[] }[]): number {
  for (const { key, wantedBy } of missing) host.err(`not pinned: ${key}, wanted by ${wantedBy.join(", ")}\n`);
  if (missing.length > 0) host.err("pin them with: cab lock\n");
  return missing.length > 0 ? 1 : 0;
}

async function pin(
  host: Host,
  settings: WorkspaceSettings,
  requests: Parameters<typeof import("@cab/executor").pinFetches>[0],
) {
  const { pinFetches } = await import("@cab/executor");
  const opened = await pinHost(host, settings);
  const pinned = await pinFetches(requests, opened)();
  await opened.network.close();
  if (E.isLeft(pinned)) throw new Ended(`error: ${buildText(pinned.left)}\n`);
  return pinned.right;
}

function pinsOf(workspace: Workspace): Readonly<Record<string, Pin>> {
  const file = lockFile(workspace);
  if (!existsSync(file)) return {};
  const parsed = parseLock(readFileSync(file, "utf8"), file);
  // Collecting has read the same file and would have failed on it.
  if (E.isLeft(parsed)) throw new Error(`BUG: ${file} was readable a moment ago`);
  return parsed.right;
}

function writeWhole(file: string, text: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}
