/** `cab lock`: pins what recipes fetch. Nothing but this and `cab update` writes `cab.lock`. */
import type { FetchRequest, Pin, WorkspaceSettings } from "@cab/core";
import { type CollectedFetch, collectFetches } from "@cab/evaluator";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { isPinnedAlike, type LockFiles, readLockFiles, unusedPins, withPins, writeLockFile } from "../lock-files.ts";
import { buildText } from "../render-failure.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { debianArchitecture, evaluatorEnded, evaluatorOptions, withPinning } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--update] [--prune] [--check] [NAME…]",
  summary:
    "Pins in cab.lock what these recipes fetch (without NAME: all recipes of the workspace) and what is not pinned yet.",
  details:
    "Debian's files are looked up in the mirror's signed index, npm's in the registry, a tag or branch in its repository;\nother URLs are downloaded. What the lock file of @cab/derivations has is not written again.",
  flags: {
    update: { type: "boolean", help: "look up again what is pinned already" },
    prune: { type: "boolean", help: "remove what no recipe of the workspace uses; without NAME only" },
    check: { type: "boolean", help: "write nothing; exit with 1 if the same command without it would" },
  },
  run: async ({ positionals, flags }, host) => {
    const { update = false, prune = false, check = false } = flags;
    const isAll = positionals.length === 0;
    if (prune && !isAll) throw new UsageError("--prune looks at all recipes of the workspace: give no NAME with it");
    const options = evaluatorOptions(host, cabRoot(host));
    const locks = await readLockFiles(options);
    const collected = await collectFetches(options, isAll ? "all" : positionals)();
    if (E.isLeft(collected)) throw await evaluatorEnded(collected.left);
    const { fetches, settings } = collected.right;
    const used = new Set(fetches.map(({ key }) => key));
    const unused = isAll ? unusedPins(locks, used, debianArchitecture()) : [];
    const missing = fetches.filter(({ pinned }) => !pinned);
    const isMissing = check && reportMissing(host, missing);
    // --check alone asks nobody: that a pin is missing is known. With --update, what the others would become is not.
    const wanted = update ? fetches.filter(({ pinned }) => pinned || !check) : check ? [] : missing;
    const requests = wanted.map(({ request }) => request);
    const pinned = requests.length === 0 ? new Map() : await pin(host, settings, requests);
    const changed = reportChanges(host, locks, pinned);
    for (const key of unused) host.err(`${prune && !check ? "removed" : "not used"}: ${key}\n`);
    if (!prune && unused.length > 0) host.err("remove what is not used with: cab lock --prune\n");
    if (check) return isMissing || changed > 0 || (prune && unused.length > 0) ? 1 : 0;
    const after = Object.entries(withPins(locks, pinned)).filter(([key]) => !prune || !unused.includes(key));
    writeLockFile(locks, Object.fromEntries(after));
    host.err(`${changed} of ${fetches.length} fetches are new or changed in ${locks.file}\n`);
    return 0;
  },
});

function reportMissing(host: Host, missing: readonly CollectedFetch[]): boolean {
  for (const { key, wantedBy } of missing) host.err(`not pinned: ${key}, wanted by ${wantedBy.join(", ")}\n`);
  if (missing.length > 0) host.err("pin them with: cab lock\n");
  return missing.length > 0;
}

/** The number of pins that are not what the lock files say. */
function reportChanges(host: Host, { own, others }: LockFiles, pinned: ReadonlyMap<string, Pin>): number {
  const before = { ...others, ...own };
  const changed = [...pinned.keys()].filter((key) => !isPinnedAlike(before[key], pinned.get(key))).sort();
  for (const key of changed) host.out(`${before[key] === undefined ? "pinned" : "changed"} ${key}\n`);
  return changed.length;
}

async function pin(
  host: Host,
  settings: WorkspaceSettings,
  requests: readonly FetchRequest[],
): Promise<ReadonlyMap<string, Pin>> {
  const pinned = await withPinning(host, settings, ({ pin }) => pin(requests)());
  if (E.isLeft(pinned)) throw new Ended(`error: ${buildText(pinned.left)}\n`);
  return pinned.right;
}
