/**
 * How TypeScript is to see a workspace: the same for `cab check-types` and for the editor. Knows where core and the shipped
 * recipes lie; not how TypeScript is run, nor which recipes there are.
 */
import { dirname, join } from "node:path";

export interface RecipeProject {
  /** The module that recipes import as `@cab/core`. */
  readonly coreEntry: string;
  /** The folder of `@cab/derivations`; null where none is installed. */
  readonly shipped: string | null;
}

export interface ProjectConfig {
  readonly compilerOptions: Readonly<Record<string, unknown>>;
  /** Absolute paths. */
  readonly files: readonly string[];
}

/**
 * A tsconfig.json's content. What a recipe imports is found by these paths alone, and no package of declarations is taken
 * from around the workspace, so that the answer does not depend on where the workspace lies. An import without `.ts` is
 * for the evaluator to refuse: the mode that has TypeScript do so (`nodenext`) also wants a package.json.
 */
export const projectConfig = ({ coreEntry, shipped }: RecipeProject, files: readonly string[] = []): ProjectConfig => ({
  compilerOptions: {
    target: "es2024",
    lib: ["es2024"],
    module: "esnext",
    moduleResolution: "bundler",
    moduleDetection: "force",
    resolveJsonModule: true,
    types: [],
    paths: {
      "@cab/core": [coreEntry],
      ...(shipped === null ? {} : { "@cab/derivations/*": [join(shipped, "*")] }),
    },
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noImplicitOverride: true,
    noFallthroughCasesInSwitch: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    isolatedModules: true,
    skipLibCheck: true,
    noEmit: true,
  },
  files: [recipeGlobals(coreEntry), ...files],
});

/** Declares what recipes have beside the language, and what they have not. Ships with core, above its sources. */
const recipeGlobals = (coreEntry: string): string => join(dirname(coreEntry), "../recipe-globals.d.ts");
