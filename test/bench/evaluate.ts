/**
 * From recipes to derivations, whole processes: never evaluated before, one leaf changed, and nothing changed; for graphs
 * of several shapes and sizes, and for a workspace of 1,000 recipes, beside `nix-instantiate` on the same graph in a store
 * of its own. And the memory that the first of these takes at its peak.
 *
 *     node test/bench/evaluate.ts [SIZE…]
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  CAB,
  type Contender,
  installed,
  inTemporaryFolder,
  measure,
  megabytes,
  NODE,
  report,
  run,
  skip,
  table,
} from "./support.ts";
import { SHAPES, type SyntheticGraph, writeGraph } from "./synthetic-graph.ts";

/** 100,000 take minutes: on demand. */
const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000, 10_000];
const nix = installed("nix-instantiate");
if (nix === undefined) skip("nix-instantiate", "it is not installed");

interface Evaluator {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv };
  /** Forgets everything. */
  readonly forget: () => void;
}

function cabEvaluator(folder: string, { workspace }: SyntheticGraph): Evaluator {
  const root = join(folder, "cab-root");
  return {
    name: "cab eval",
    command: [CAB, "eval", "bench"],
    options: { cwd: workspace, env: { ...process.env, CAB_ROOT: root } },
    forget: () => rmSync(root, { recursive: true, force: true }),
  };
}

function nixEvaluator(program: string, folder: string, graph: SyntheticGraph): Evaluator {
  const top = join(folder, "nix-root");
  const env = {
    ...process.env,
    NIX_STORE_DIR: join(top, "store"),
    NIX_STATE_DIR: join(top, "state"),
    NIX_LOG_DIR: join(top, "log"),
    NIX_CONF_DIR: join(top, "conf"),
    XDG_CACHE_HOME: join(top, "cache"),
  };
  return {
    name: "nix-instantiate",
    command: [program, "--quiet", join(graph.nix, "default.nix")],
    options: { cwd: folder, env },
    forget: () => {
      rmSync(top, { recursive: true, force: true });
      mkdirSync(top);
    },
  };
}

const evaluate = async ({ command: [program, ...args], options }: Evaluator): Promise<void> =>
  void (await run(program, args, options));

async function compare(title: string, folder: string, graph: SyntheticGraph, size: number): Promise<void> {
  const evaluators = [...(nix === undefined ? [] : [nixEvaluator(nix, folder, graph)]), cabEvaluator(folder, graph)];
  let variant = 0;
  const contenders = (prepare: (evaluator: Evaluator) => void): Contender[] =>
    evaluators.map((evaluator) => ({
      name: evaluator.name,
      prepare: () => prepare(evaluator),
      run: () => evaluate(evaluator),
    }));
  const rounds = size > 20_000 ? 1 : size > 2_000 ? 3 : 10;
  const warmUp = size > 20_000 ? 0 : 1;
  const forget = ({ forget }: Evaluator): void => forget();
  report(`${title}: cold`, await measure({ rounds, warmUp }, contenders(forget)));
  const changeLeaf = (): void => graph.changeLeaf(++variant);
  report(`${title}: one leaf changed`, await measure({ rounds, warmUp }, contenders(changeLeaf)));
  // Files must be older than the grain of their file system's stamps before these can be trusted.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const node: Contender = { name: "node -e 0", run: async () => void (await run(NODE, ["-e", "0"])) };
  const unchanged = [...contenders(() => {}), node];
  report(`${title}: nothing changed`, await measure({ rounds: 2 * rounds, warmUp: 2 }, unchanged));
  const looked = await measure({ rounds: 0 }, contenders(forget));
  const rows = looked.map(({ name, memory = 0 }) => [name, megabytes(memory)]);
  table(`${title}: memory at its peak, cold`, rows);
}

for (const size of sizes) {
  for (const shape of SHAPES) {
    await inTemporaryFolder("evaluate", (folder) =>
      compare(`${shape}, ${size} derivations`, folder, writeGraph(folder, shape, size), size),
    );
  }
}
const RECIPES = 1_000;
await inTemporaryFolder("evaluate", (folder) =>
  compare(`${RECIPES} recipes`, folder, writeGraph(folder, "layered", RECIPES, { areRecipes: true }), RECIPES),
);
