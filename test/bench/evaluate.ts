/**
 * From recipes to derivations, whole processes: never evaluated before, one leaf changed, and nothing changed; for graphs
 * of several shapes and sizes, beside `nix-instantiate` on the same graph in a store of its own.
 *
 *     node test/bench/evaluate.ts [SIZE…]
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Contender, cab, installed, inTemporaryFolder, measure, report, run, skip } from "./support.ts";
import { SHAPES, type Shape, type SyntheticGraph, writeGraph } from "./synthetic-graph.ts";

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000, 10_000];
const nix = installed("nix-instantiate");
if (nix === undefined) skip("nix-instantiate", "it is not installed");

interface Evaluator {
  readonly name: string;
  /** Forgets everything. */
  readonly forget: () => void;
  readonly evaluate: () => Promise<void>;
}

function cabEvaluator(folder: string, { workspace }: SyntheticGraph): Evaluator {
  const root = join(folder, "cab-root");
  return {
    name: "cab eval",
    forget: () => rmSync(root, { recursive: true, force: true }),
    evaluate: async () => void (await cab(["eval", "bench"], { cwd: workspace, root })),
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
    forget: () => {
      rmSync(top, { recursive: true, force: true });
      mkdirSync(top);
    },
    evaluate: async () => void (await run(program, ["--quiet", join(graph.nix, "default.nix")], { env })),
  };
}

async function compare(shape: Shape, size: number, folder: string): Promise<void> {
  const graph = writeGraph(folder, shape, size);
  const evaluators = [...(nix === undefined ? [] : [nixEvaluator(nix, folder, graph)]), cabEvaluator(folder, graph)];
  let variant = 0;
  const contenders = (prepare: (evaluator: Evaluator) => void): Contender[] =>
    evaluators.map((evaluator) => ({
      name: evaluator.name,
      prepare: () => prepare(evaluator),
      run: evaluator.evaluate,
    }));
  const title = `${shape}, ${size} derivations`;
  const rounds = size > 2_000 ? 3 : 10;
  report(
    `${title}: cold`,
    await measure(
      { rounds },
      contenders(({ forget }) => forget()),
    ),
  );
  report(
    `${title}: one leaf changed`,
    await measure(
      { rounds },
      contenders(() => graph.changeLeaf(++variant)),
    ),
  );
  // Files must be older than the grain of their file system's stamps before these can be trusted.
  await new Promise((resolve) => setTimeout(resolve, 100));
  report(
    `${title}: nothing changed`,
    await measure(
      { rounds: 2 * rounds, warmUp: 2 },
      contenders(() => {}),
    ),
  );
}

for (const size of sizes) {
  for (const shape of SHAPES) {
    await inTemporaryFolder("evaluate", (folder) => compare(shape, size, folder));
  }
}
