/** Recipes that need no seed: `library`, `app` that refers to it, and `other`, each one file that a builtin writes. */
import { workspace } from "./support.ts";

const WRITTEN = `import { concat, contentAddressed, definePackage } from "@cab/core";
export const written = (name: string, ...parts: any[]) =>
  definePackage({ name }, () => ({
    name,
    builder: "builtin:write@1",
    env: { text: concat(...parts) },
    rootfs: null,
    outputs: contentAddressed(["out"]),
  }));
`;

const RECIPES = {
  library: 'export default written("library", "code");',
  app: 'import library from "./library.ts";\nexport default written("app", "needs ", library);',
  other: 'export default written("other", "something else");',
};

/** Gives the workspace's folder. */
export const writtenRecipes = (folder: string): string =>
  workspace(folder, {
    "derivations/lib/written.ts": WRITTEN,
    ...Object.fromEntries(
      Object.entries(RECIPES).map(([name, text]) => [
        `derivations/${name}.ts`,
        `import { written } from "./lib/written.ts";\n${text}\n`,
      ]),
    ),
  });

export const baseOf = (path: string | undefined): string => (path ?? "").slice("/cab/store/".length);
