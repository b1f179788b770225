/**
 * What the engine adds to a real build: `cab realise openldap`, where all that it needs is there, beside the same
 * configure, make and make install in the same sandbox, started by hand and left as they are. The difference is
 * evaluating, the store and the fix-up of what was installed.
 *
 *     node test/bench/openldap.ts
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import {
  type BuildJob,
  closure,
  type DrvHash,
  drvHash,
  knownPaths,
  knownResolution,
  type ResolvedDerivation,
  type StorePath,
} from "@cab/core";
import { createExecutor } from "@cab/executor";
import type { Store } from "@cab/store";
import type { Host } from "../../packages/cli/src/verb.ts";
import { derivationsOf, evaluateRecipes, openHostStore, SANDBOX_RECIPE } from "../../packages/cli/src/wiring.ts";
import { CHECKOUT, cab, inTemporaryFolder, measure, ROOT, realised, report, rightOf } from "./support.ts";

const ROUNDS = 3;
const CORES = availableParallelism();

const HOST: Host = {
  env: process.env,
  cwd: CHECKOUT,
  uid: process.geteuid?.() ?? 0,
  pid: process.pid,
  words: [],
  time: Date.now,
  cores: CORES,
  terminal: null,
  out: () => {},
  err: () => {},
  input: async () => null,
  output: async () => null,
  now: () => performance.now() / 1000,
  signal: new AbortController().signal,
};

interface Built {
  readonly drv: ResolvedDerivation;
  readonly inputs: readonly StorePath[];
  readonly tools: StorePath;
}

/** The derivation of openldap as it was built, and what it needs of the store. */
async function asBuilt(store: Store): Promise<Built> {
  const evaluation = await evaluateRecipes(HOST, ROOT, { names: ["openldap", SANDBOX_RECIPE] });
  const derivation = await derivationsOf(evaluation);
  const [openldap, sandbox] = evaluation.roots.map(({ drv }) => drv) as [DrvHash, DrvHash];
  const drv = knownResolution(store, derivation, openldap);
  const tools = knownPaths(store, derivation(sandbox), sandbox)?.out;
  if (drv === undefined || tools === undefined) throw new Error("openldap is there, but not what it was built from");
  return { drv, inputs: closure(store, drv.inputSrcs), tools };
}

/** The build script up to `make install`. */
function withoutFixup(drv: ResolvedDerivation): ResolvedDerivation {
  const script = drv.args.at(-1) ?? "";
  const end = script.lastIndexOf("\nfixup");
  if (end === -1) throw new Error("the build script of openldap has no fixup");
  return { ...drv, args: [...drv.args.slice(0, -1), script.slice(0, end)] };
}

await inTemporaryFolder("openldap", async (folder) => {
  await realised("openldap");
  const store = await openHostStore(HOST, ROOT);
  const { drv, inputs, tools } = await asBuilt(store);
  const executor = createExecutor({ env: {}, openLog: () => join(folder, "log") });

  // A workspace whose openldap is another derivation in every round, and builds the same.
  const workspace = join(folder, "workspace");
  cpSync(join(CHECKOUT, "derivations"), join(workspace, "derivations"), {
    recursive: true,
    filter: (source) => !source.includes("node_modules"),
  });
  const recipe = join(workspace, "derivations/servers/openldap.ts");
  const text = readFileSync(recipe, "utf8");

  const timings = await measure({ rounds: ROUNDS, warmUp: 0 }, [
    {
      name: "configure, make, make install",
      run: async () => {
        const scratch = rightOf(await store.openScratch(drv.name)());
        const job: BuildJob = {
          drv: withoutFixup(drv),
          drvHash: drvHash(drv),
          scratch,
          inputs,
          sandboxTools: tools,
          physical: store.physical,
          signal: new AbortController().signal,
          onBytes: () => {},
        };
        rightOf(await executor.builder.build(job)());
        rightOf(await store.discardScratch(scratch)());
      },
    },
    {
      name: "cab realise openldap",
      prepare: () => writeFileSync(recipe, text.replace("env: ({ version }) => ({", `$& round: "${Date.now()}",`)),
      run: async () => {
        const options = { cwd: workspace };
        const { built } = JSON.parse(await cab(["realise", "--json", "--jobs", "1", "openldap"], options)) as {
          built: readonly string[];
        };
        if (built.join() !== "openldap-2.5.13") throw new Error(`cab built ${built.join(", ") || "nothing"}`);
      },
    },
  ]);
  await executor.close();
  await store.close();
  report(`openldap with -j${CORES}`, timings);
});
