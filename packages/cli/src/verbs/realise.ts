/** `cab realise`: builds or fetches what is missing, and prints store paths. */
import { cabRoot } from "../cab-root.ts";
import { duration } from "../progress.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession, type Session } from "../realise-names.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";

export const verb = defineVerb({
  usage: "[FLAG…] NAME…",
  summary: "Builds or fetches what these roles or packages need, and prints the store path of each.",
  details: [
    "What is up to date is neither built nor looked at below its root. Progress goes to standard error, paths to standard",
    "output. Exit code: 0 if all is there, 1 if something failed, 2 for a mistake on the command line.",
  ].join("\n"),
  flags: {
    ...realiseFlags,
    "dry-run": { type: "boolean", help: "only say what would be built and fetched" },
    json: { type: "boolean", help: "print one object: outputs, built, fetched, cutoff, elsewhere, seconds" },
    timings: { type: "boolean", help: "say at the end how much of the time was the engine's own" },
  },
  run: async ({ positionals, flags }, host) => {
    if (positionals.length === 0) throw new UsageError("realise what? give at least one NAME");
    const names = [...new Set(positionals)];
    const session = await openSession(host, cabRoot(host), names, realiseSettings(flags));
    try {
      return flags["dry-run"]
        ? await dryRun(session, host, flags.json === true)
        : await realiseAll(session, host, flags);
    } finally {
      await session.close();
    }
  },
});

async function realiseAll(
  session: Session,
  host: Host,
  { json, timings }: { readonly json?: boolean; readonly timings?: boolean },
): Promise<number> {
  const { realised, clock } = await session.realise(session.roots.map(({ drv }) => drv));
  const { seconds, engine } = clock.read();
  const outputs = session.roots.flatMap(({ name }, i) => {
    const paths = realised.outputs[i];
    return paths === undefined ? [] : [[name, paths] as const];
  });
  if (json) {
    const { built, fetched, cutoff, elsewhere } = realised;
    const report = { outputs: Object.fromEntries(outputs), built, fetched, cutoff, elsewhere, seconds };
    host.out(`${JSON.stringify(report)}\n`);
  } else {
    for (const [, paths] of outputs) host.out(`${paths.out}\n`);
  }
  if (timings) {
    const share = ((100 * engine) / seconds).toFixed(1);
    host.err(`${duration(seconds)} in all, ${engine.toFixed(2)} s (${share} %) of it the engine's own\n`);
  }
  return outputs.length === session.roots.length ? 0 : 1;
}

async function dryRun(session: Session, host: Host, json: boolean): Promise<number> {
  const plan = await session.plan();
  if (json) {
    host.out(`${JSON.stringify(plan)}\n`);
    return 0;
  }
  const section = (title: string, names: readonly string[]): void => {
    if (names.length > 0) host.out(`${title}:\n${names.map((name) => `  ${name}\n`).join("")}`);
  };
  section("would fetch", plan.fetch);
  section("would build", plan.build);
  section("would build, unless their inputs come out as they were", plan.perhaps);
  if (plan.fetch.length + plan.build.length + plan.perhaps.length === 0) host.out("everything is there\n");
  return 0;
}
