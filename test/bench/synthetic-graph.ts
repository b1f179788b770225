/** Writes graphs of packages as a cab workspace and as Nix expressions: the same graph, in modules of the same content. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `layered`: layers of 100, each package using five of the layer below. `wide`: all below one root. `chain`: a line. */
export const SHAPES = ["layered", "wide", "chain"] as const;
export type Shape = (typeof SHAPES)[number];

/** For each package the numbers of those that it uses, all smaller than its own. The last one uses, in the end, all. */
type Graph = readonly (readonly number[])[];

const LAYER = 100;
const PER_MODULE = 10;

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
  readonly package: (number: number, script: string, uses: readonly number[]) => string;
  readonly root: (number: number) => { readonly file: string; readonly text: string };
}

const moduleOf = (number: number): number => Math.floor(number / PER_MODULE);

const CAB: Notation = {
  file: (module) => `derivations/lib/m${module}.ts`,
  module: (imports, packages) =>
    [
      'import { thing } from "./thing.ts";',
      ...imports.map((module) => `import * as m${module} from "./m${module}.ts";`),
      ...packages,
      "",
    ].join("\n"),
  package: (number, script, uses) => {
    const inputs = uses.map((use) => (moduleOf(use) === moduleOf(number) ? `p${use}` : `m${moduleOf(use)}.p${use}`));
    return `export const p${number} = thing(${[`"p${number}"`, JSON.stringify(script), ...inputs].join(", ")});`;
  },
  root: (number) => ({
    file: "derivations/bench.ts",
    text: `export { p${number} as default } from "./lib/m${moduleOf(number)}.ts";\n`,
  }),
};

const THING = `import { type AnyPackage, contentAddressed, definePackage } from "@cab/core";
export const thing = (name: string, script: string, ...inputs: AnyPackage[]) =>
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
  package: (number, script, uses) => {
    const inputs = uses.map((use) => (moduleOf(use) === moduleOf(number) ? `p${use}` : `m${moduleOf(use)}.p${use}`));
    return `  p${number} = thing "p${number}" ${JSON.stringify(script)} [ ${inputs.join(" ")} ];`;
  },
  root: (number) => ({ file: "default.nix", text: `(import ./m${moduleOf(number)}.nix).p${number}\n` }),
};

const NIX_THING = `name: script: inputs: derivation {
  inherit name;
  system = "x86_64-linux";
  builder = "/bin/sh";
  args = [ "-c" script ] ++ inputs;
}
`;

const leafScript = (variant: number): string => `echo ${variant} > $out`;

function moduleText(notation: Notation, graph: Graph, module: number, variant: number): string {
  const imports = new Set<number>();
  const packages: string[] = [];
  for (let i = module * PER_MODULE; i < Math.min(graph.length, (module + 1) * PER_MODULE); i++) {
    for (const use of graph[i] ?? []) if (moduleOf(use) !== module) imports.add(moduleOf(use));
    packages.push(notation.package(i, i === 0 ? leafScript(variant) : `echo ${i} > $out`, graph[i] ?? []));
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

export function writeGraph(folder: string, shape: Shape, size: number): SyntheticGraph {
  const graph: Graph = Array.from({ length: size }, (_, number) => uses[shape](number, size));
  const workspace = join(folder, "workspace");
  const nix = join(folder, "nix");
  mkdirSync(join(workspace, "derivations/lib"), { recursive: true });
  mkdirSync(nix);
  writeFileSync(join(workspace, "derivations/lib/thing.ts"), THING);
  writeFileSync(join(nix, "thing.nix"), NIX_THING);
  const both = [
    [CAB, workspace],
    [NIX, nix],
  ] as const;
  const writeModule = (module: number, variant: number): void => {
    for (const [notation, top] of both) {
      writeFileSync(join(top, notation.file(module)), moduleText(notation, graph, module, variant));
    }
  };
  for (let module = 0; module <= moduleOf(size - 1); module++) writeModule(module, 0);
  for (const [notation, top] of both) {
    const { file, text } = notation.root(size - 1);
    writeFileSync(join(top, file), text);
  }
  return { workspace, nix, changeLeaf: (variant) => writeModule(0, variant) };
}
