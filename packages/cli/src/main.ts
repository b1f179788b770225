/** The `cab` command: finds the verb, runs it, and turns what went wrong into a message and an exit code. */
import { availableParallelism } from "node:os";
import { Ended } from "./ended.ts";
import { type Host, helpText, parseVerbArguments, UsageError } from "./verb.ts";
import { verbs } from "./verbs/index.ts";
import { VERSION } from "./version.ts";

/** As shells report them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function main(args: readonly string[], host: Host): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    host.out(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    host.out(`cab ${VERSION}\n`);
    return 0;
  }
  const entry = verbs[name];
  if (entry === undefined) {
    const { noSuchVerb } = await import("./no-such-verb.ts");
    throw noSuchVerb(name, Object.keys(verbs));
  }
  const { verb } = await entry.load();
  const input = parseVerbArguments(verb, rest);
  if ("help" in input.flags) {
    host.out(helpText(name, verb));
    return 0;
  }
  const code = await verb.run(input, host);
  // Another program's exit code says more than that we were asked to end it.
  return verb.passesOn || verb.endsBySignal ? code : (signalCode ?? code);
}

const overview = (): string =>
  [
    "usage: cab VERB …",
    "",
    ...Object.entries(verbs).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`),
    "",
    "cab VERB --help says more.",
    "",
  ].join("\n");

const interrupted = new AbortController();
let signalCode: number | undefined;
for (const [signal, code] of Object.entries(SIGNALS)) {
  process.on(signal, () => {
    // The second one of an impatient user ends us at once; bubblewrap's children die with us.
    if (signalCode !== undefined) process.exit(signalCode);
    signalCode = code;
    interrupted.abort();
  });
}
// A reader such as `head` that has seen enough is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

/** What the store or a role's profile refused, put into words; anything else is a bug and thrown again. */
async function refused(error: unknown): Promise<Ended> {
  const [{ StoreException }, { renderStoreFailure }, { Refused }, { renderProfileFailure }] = await Promise.all([
    import("@cab/store"),
    import("./render-failure.ts"),
    import("@cab/profile"),
    import("./render-profile.ts"),
  ]);
  if (error instanceof StoreException) return new Ended(`error: ${renderStoreFailure(error.failure)}\n`);
  if (error instanceof Refused) return new Ended(`error: ${renderProfileFailure(error.failure)}\n`);
  throw error;
}

const host: Host = {
  env: process.env,
  cwd: process.cwd(),
  pid: process.pid,
  words: process.argv.slice(2),
  uid: process.geteuid?.() ?? 0,
  cores: availableParallelism(),
  // Looked at by what draws only: Node takes 2 ms to set up standard error.
  get terminal() {
    return process.stderr.isTTY && process.env.TERM !== "dumb" ? { columns: process.stderr.columns } : null;
  },
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  input: async () => (await import("./standard-streams.ts")).standardInput(),
  output: async () => (await import("./standard-streams.ts")).standardOutput(),
  time: Date.now,
  now: () => Number(process.hrtime.bigint()) / 1e9,
  signal: interrupted.signal,
};

// What we wait for may hold nothing open by itself, such as the end of a listener that was not to keep us alive.
const LONG = 2 ** 30;
const alive = setInterval(() => {}, LONG);

try {
  process.exitCode = await main(process.argv.slice(2), host);
} catch (error) {
  if (error instanceof UsageError) {
    host.err(`cab: ${error.message}\n`);
    process.exitCode = 2;
  } else {
    const ended = error instanceof Ended ? error : await refused(error);
    host.err(ended.message);
    process.exitCode = ended.exitCode;
  }
} finally {
  clearInterval(alive);
}
