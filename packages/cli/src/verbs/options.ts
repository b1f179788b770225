/** `cab options`: which options packages have, with what values, and who chose them. Evaluating builds nothing. */
import type { ChosenOption, PackageOptions } from "@cab/core";
import { collectOptions } from "@cab/evaluator";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { evaluatorEnded, evaluatorOptions } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--json] NAME…",
  summary: "Prints the options of these packages and of all below them: value, who chose it, what else it may be.",
  details: [
    "A recipe's .with({ options: … }) wins over the workspace's policy (options in cab.config.ts), and that over the",
    "package's own default.",
  ].join("\n"),
  flags: { json: { type: "boolean", help: "print a list of packages with their options" } },
  run: async ({ positionals, flags }, host) => {
    if (positionals.length === 0) throw new UsageError("options of what? give at least one NAME");
    const collected = await collectOptions(evaluatorOptions(host, cabRoot(host)), positionals)();
    if (E.isLeft(collected)) throw await evaluatorEnded(collected.left);
    if (flags.json) host.out(`${JSON.stringify(collected.right)}\n`);
    else for (const of of collected.right) host.out(packageText(of));
    return 0;
  },
});

const CHOSEN_BY: Readonly<Record<ChosenOption["from"], string>> = {
  default: "",
  policy: ", by the workspace's policy",
  recipe: ", by a recipe",
};

const packageText = ({ package: name, options }: PackageOptions): string =>
  [`${name}\n`, ...options.map(optionText)].join("");

function optionText({ name, description, expected, default: initial, value, from }: ChosenOption): string {
  const changed = from === "default" ? "" : `${CHOSEN_BY[from]} (default ${JSON.stringify(initial)})`;
  const said = description === "" ? "" : `    ${description}\n`;
  return `  ${name} = ${JSON.stringify(value)}${changed}; takes ${expected}\n${said}`;
}
