/** Writes graphs of packages as a cab workspace and as Nix expressions: the same graph, in modules of the same content. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `layered`: layers of 100, each package using five of the layer below. `wide`: all below one root. `chain`: a line. */
export const SHAPES = ["layered", "wide", "chain"] as const;
export type Shape = (typeof SHAPES)[number];

/** For each package the numbers of those that it uses, all smaller than its own. The last one uses, in the end, all. */
type Graph = readonly (readonly number[])[];

const LAYER = 100;

const below = (number: number, count: number): number[] => Array.from({ length: count }, (_, k) => number - 1 - k);

/** What the package of this number uses in a graph of this size. */
const uses: Readonly<Record<Shape, (number: number, size: number) => number[]>> = {
  chain: (number) => below(number, Math.min(1, number)),
  wide: (number, size) => (number === size - 1 ? below(number, number) : []),
  layered: (number, size) => {
    if (number === size - 1) return below(number, Math.min(LAYER, number));
    const layer = (Math.floor(number / LAYER) - 1) * LAYER;
    return layer < 0 ? [] : [0, 1, 2, 3, 4].map((k) => layer + ((number * 7 + k * 13) % LAYER));
  },
};

/** A language's way to write a module. */
interface Notation {
  readonly file: (module: number) => string;
  readonly module: (imports: readonly number[], packages: readonly string[]) => string;
  readonly package: (number: number, script: string, inputs: readonly string[]) => string;
  readonly root: (number: number, module: number) => { readonly file: string; readonly text: string };
}

const cabPackage: Notation["package"] = (number, script, inputs) =>
  `export const p${number} = thing("p${number}", ${JSON.stringify(script)}, [${inputs.join(", ")}]);`;

const CAB: Notation = {
  file: (module) => `derivations/lib/m${module}.ts`,
  module: (imports, packages) =>
    [
      'import { thing } from "./thing.ts";',
      ...imports.map((module) => `import * as m${module} from "./m${module}.ts";`),
      ...packages,
      "",
    ].join("\n"),
  package: cabPackage,
  root: (number, module) => ({
    file: "derivations/bench.ts",
    text: `export { p${number} as default } from "./lib/m${module}.ts";\n`,
  }),
};

/** Each module a recipe, whose default export is its last package. */
const CAB_RECIPES: Notation = {
  file: (module) => `derivations/m${module}.ts`,
  module: (imports, packages) =>
    [
      'import { thing } from "./lib/thing.ts";',
      ...imports.map((module) => `import * as m${module} from "./m${module}.ts";`),
      ...packages,
      `export default ${/p\d+/.exec(packages.at(-1) ?? "")};`,
      "",
    ].join("\n"),
  package: cabPackage,
  root: (_, module) => ({
    file: "derivations/bench.ts",
    text: `export { default } from "./m${module}.ts";\n`,
  }),
};

const THING = `import { type AnyPackage, contentAddressed, definePackage } from "@cab/core";
export const thing = (name: string, script: string, inputs: readonly AnyPackage[]) =>
  definePackage({ name, version: "1" }, () => ({
    name, builder: "/bin/sh", args: ["-c", script, ...inputs], env: {}, rootfs: null, outputs: contentAddressed(["out"]),
  }));
`;

const NIX: Notation = {
  file: (module) => `m${module}.nix`,
  module: (imports, packages) =>
    [
      "let",
      "  thing = import ./thing.nix;",
      ...imports.map((module) => `  m${module} = import ./m${module}.nix;`),
      "in rec {",
      ...packages,
      "}",
      "",
    ].join("\n"),
  package: (number, script, inputs) =>
    `  p${number} = thing "p${number}" ${JSON.stringify(script)} [ ${inputs.join(" ")} ];`,
  root: (number, module) => ({ file: "default.nix", text: `(import ./m${module}.nix).p${number}\n` }),
};

const NIX_THING = `name: script: inputs: derivation {
  inherit name;
  system = "x86_64-linux";
  builder = "/bin/sh";
  args = [ "-c" script ] ++ inputs;
}
`;

const leafScript = (variant: number): string => `echo ${variant} > $out`;

/** The packages, in modules of `perModule`. */
interface Modules {
  readonly graph: Graph;
  readonly perModule: number;
}

function moduleText(notation: Notation, { graph, perModule }: Modules, module: number, variant: number): string {
  const moduleOf = (number: number): number => Math.floor(number / perModule);
  const imports = new Set<number>();
  const packages: string[] = [];
  for (let i = module * perModule; i < Math.min(graph.length, (module + 1) * perModule); i++) {
    const uses = graph[i] ?? [];
    for (const use of uses) if (moduleOf(use) !== module) imports.add(moduleOf(use));
    const inputs = uses.map((use) => (moduleOf(use) === module ? `p${use}` : `m${moduleOf(use)}.p${use}`));
    packages.push(notation.package(i, i === 0 ? leafScript(variant) : `echo ${i} > $out`, inputs));
  }
  return notation.module([...imports], packages);
}

export interface SyntheticGraph {
  /** A cab workspace whose recipe `bench` is the root. */
  readonly workspace: string;
  /** A folder whose default.nix is the root. */
  readonly nix: string;
  /** Changes the script of a package that uses none; each variant is another one. */
  readonly changeLeaf: (variant: number) => void;
}

/** `areRecipes`: each package is a recipe, in a module of its own; else a library's, of ten. */
export function writeGraph(folder: string, shape: Shape, size: number, { areRecipes = false } = {}): SyntheticGraph {
  const graph: Graph = Array.from({ length: size }, (_, number) => uses[shape](number, size));
  const modules: Modules = { graph, perModule: areRecipes ? 1 : 10 };
  const workspace = join(folder, "workspace");
  const nix = join(folder, "nix");
  mkdirSync(join(workspace, "derivations/lib"), { recursive: true });
  mkdirSync(nix);
  writeFileSync(join(workspace, "derivations/lib/thing.ts"), THING);
  writeFileSync(join(nix, "thing.nix"), NIX_THING);
  const both = [
    [areRecipes ? CAB_RECIPES : CAB, workspace],
    [NIX, nix],
  ] as const;
  const writeModule = (module: number, variant: number): void => {
    for (const [notation, top] of both) {
      writeFileSync(join(top, notation.file(module)), moduleText(notation, modules, module, variant));
    }
  };
  const last = Math.floor((size - 1) / modules.perModule);
  for (let module = 0; module <= last; module++) writeModule(module, 0);
  for (const [notation, top] of both) {
    const { file, text } = notation.root(size - 1, last);
    writeFileSync(join(top, file), text);
  }
  return { workspace, nix, changeLeaf: (variant) => writeModule(0, variant) };
}
