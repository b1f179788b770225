/** `cab eval`: the derivation of a recipe, as text or JSON. Evaluating builds nothing. */
import { derivationText } from "@cab/core";
import type { MemoOutcome } from "@cab/evaluator";
import { absurd } from "fp-ts/lib/function.js";
import { cabRoot } from "../cab-root.ts";
import { evaluationFlags, evaluationSettings } from "../evaluation-flags.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { derivationsOf, evaluateRecipes } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[FLAG…] NAME…",
  summary: "Prints the derivations of these roles or packages: everything that is hashed, before inputs have paths.",
  flags: {
    ...evaluationFlags,
    json: { type: "boolean", help: "print one object: each name's DrvHash and derivation" },
    explain: { type: "boolean", help: "say whether the evaluation was remembered, and if not, what changed" },
  },
  run: async ({ positionals, flags }, host) => {
    if (positionals.length === 0) throw new UsageError("evaluate what? give at least one NAME");
    const evaluation = await evaluateRecipes(host, cabRoot(host), { names: positionals, ...evaluationSettings(flags) });
    const derivation = await derivationsOf(evaluation);
    if (flags.explain) {
      host.err(`${explained(evaluation.memo)}\n`);
    }
    if (flags.json) {
      const entries = evaluation.roots.map(({ name, drv }) => [name, { drv, derivation: derivation(drv) }]);
      host.out(`${JSON.stringify(Object.fromEntries(entries))}\n`);
      return 0;
    }
    for (const { name, drv } of evaluation.roots) host.out(`# ${name} ${drv}\n${derivationText(derivation(drv))}`);
    return 0;
  },
});

function explained(memo: MemoOutcome): string {
  switch (memo._tag) {
    case "Hit":
      return "remembered";
    case "Absent":
      return "evaluated: not remembered";
    case "Changed":
      return `evaluated: ${memo.path} changed`;
    case "PinChanged":
      return `evaluated: the pin of ${memo.key} changed`;
    default:
      return absurd(memo);
  }
}
