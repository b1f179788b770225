/** `cab log`: what a build printed. */
import { readBuildLog } from "../build-log.ts";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { evaluationFlags, evaluationSettings } from "../evaluation-flags.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { derivationsOf, evaluateRecipes, openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[FLAG…] NAME",
  summary: "Prints the log of the last build of this recipe.",
  flags: evaluationFlags,
  run: async ({ positionals, flags }, host) => {
    const [name, ...others] = positionals;
    if (name === undefined || others.length > 0) throw new UsageError("log of what? give one NAME");
    const root = cabRoot(host);
    const evaluation = await evaluateRecipes(host, root, { names: [name], ...evaluationSettings(flags) });
    const derivation = await derivationsOf(evaluation);
    const [wanted] = evaluation.roots;
    if (wanted === undefined) throw new Error("BUG: one name gave no root");
    const store = await openHostStore(host, root);
    const log = await readBuildLog(store, derivation, wanted.drv);
    await store.close();
    if (log === undefined) {
      throw new Ended(`error: ${name} was not built in the store at ${root}; build it with: cab realise ${name}\n`);
    }
    host.out(log.text);
    return 0;
  },
});
