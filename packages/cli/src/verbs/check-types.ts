/** `cab check-types`: the type checker over recipes, with what it finds shown as places in them. Evaluates nothing. */
import { checkTypes } from "@cab/evaluator/check-types";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { defineVerb } from "../verb.ts";
import { evaluatorEnded, evaluatorOptions } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--json] [NAME…]",
  summary: "Type-checks these recipes and what they import; without NAME, all recipes of this workspace.",
  details: [
    "Uses the TypeScript that cab was tested with and the options that `cab init` gives the editor; nothing needs to be",
    "installed in the workspace. Exit code: 0 if all is well typed, 1 if not, 2 for a mistake on the command line.",
  ].join("\n"),
  flags: {
    json: { type: "boolean", help: "print one list of what is wrong: file, line, column, length, code, message" },
  },
  run: async ({ positionals, flags }, host) => {
    const options = { timeLimitSeconds: TIME_LIMIT, ...evaluatorOptions(host, cabRoot(host)) };
    const checked = await checkTypes(options, positionals.length > 0 ? positionals : "own")();
    if (E.isRight(checked)) {
      const count = checked.right;
      host.out(flags.json ? "[]\n" : `${count} ${count === 1 ? "recipe is" : "recipes are"} well typed\n`);
      return 0;
    }
    const failure = checked.left;
    if (!flags.json || failure._tag !== "IllTyped") throw await evaluatorEnded(failure);
    const faults = failure.faults.map(({ place, code, message }) => ({
      file: place?.file ?? null,
      line: place?.line ?? null,
      column: place?.column ?? null,
      length: place?.length ?? null,
      code,
      message,
    }));
    host.out(`${JSON.stringify(faults)}\n`);
    return 1;
  },
});

/** Seconds. A thousand recipes take two. */
const TIME_LIMIT = 120;
