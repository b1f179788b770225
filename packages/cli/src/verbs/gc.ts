/** `cab gc`: deletes what no root keeps. */
import type { Collected } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { milliseconds } from "../duration.ts";
import { Ended } from "../ended.ts";
import { renderStoreFailure } from "../render-failure.ts";
import { counted, sizeText } from "../size-text.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--dry-run] [--older-than DURATION] [--keep-generations N]",
  summary: "Deletes every object that no root needs: no generation of a role, no link of `cab roots`, no running cab.",
  details: [
    "It may run beside builds. --older-than and --keep-generations give up old generations of roles first: those that were",
    "not current within DURATION (30d, 12h, 2w) and are not among the N newest; where both are given, what either keeps",
    "stays. The current generation always does. What was built is not forgotten: a binary cache that has it serves it again",
    "without a build. Exit code: 0, or 1 if the store cannot be collected.",
  ].join("\n"),
  flags: {
    "dry-run": { type: "boolean", short: "n", help: "only print what would be deleted" },
    "older-than": { type: "string", value: "DURATION", help: "give up generations that were not current since then" },
    "keep-generations": { type: "string", value: "N", help: "give up generations but for each role's N newest" },
    json: { type: "boolean", help: "print one object: generations, objects, bytes, freed" },
  },
  run: async ({ positionals, flags }, host) => {
    if (positionals.length > 0)
      throw new UsageError(`gc takes no names; it deletes what no root keeps: ${positionals[0]}`);
    const dryRun = flags["dry-run"] === true;
    const generations = policyOf(flags, Date.now());
    const store = await openHostStore(host, cabRoot(host));
    try {
      const { signal } = host;
      const collected = await store.collect({
        dryRun,
        generations,
        now: Date.now(),
        signal,
        onProgress: shown(host),
      })();
      if (E.isLeft(collected)) throw new Ended(`error: ${renderStoreFailure(collected.left)}\n`);
      if (flags.json) host.out(`${JSON.stringify(collected.right)}\n`);
      else report(host, collected.right, dryRun);
      return 0;
    } finally {
      await store.close();
    }
  },
});

function policyOf(
  flags: { readonly "older-than"?: string; readonly "keep-generations"?: string },
  now: number,
): { readonly since: number | undefined; readonly keep: number } | undefined {
  const { "older-than": age, "keep-generations": count } = flags;
  if (age === undefined && count === undefined) return undefined;
  const since = age === undefined ? undefined : now - milliseconds("--older-than", age);
  return { since, keep: count === undefined ? 0 : wholeNumber(count) };
}

function wholeNumber(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw new UsageError(`--keep-generations ${text}: give a whole number`);
  return Number(text);
}

const shown =
  ({ terminal, err }: Host) =>
  (deleted: number, of: number): void => {
    if (terminal !== null) err(`\rdeleting objects: ${deleted} of ${of}${deleted === of ? "\n" : ""}`);
  };

function report(host: Host, { generations, objects, bytes, freed }: Collected, dryRun: boolean): void {
  for (const link of generations) host.err(`${dryRun ? "would give up" : "gave up"} the generation ${link}\n`);
  if (!dryRun) {
    host.err(`deleted ${counted(objects.length, "object")}; ${sizeText(freed)} came free\n`);
    return;
  }
  for (const path of objects) host.out(`${path}\n`);
  host.err(`would delete ${counted(objects.length, "object")} of ${sizeText(bytes)}, part of it perhaps shared\n`);
}
