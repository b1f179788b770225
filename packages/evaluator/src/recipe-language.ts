/** What a recipe's text means to esbuild: alike whether one module is transformed or all are bundled. */
import type { BuildOptions, TransformOptions } from "esbuild";
import { IMPORT_META } from "./modules.ts";

export const RECIPE_LANGUAGE = {
  platform: "neutral",
  target: "es2024",
  // Given here so that no tsconfig.json on the way decides what a recipe means.
  tsconfigRaw: { compilerOptions: { target: "es2024", useDefineForClassFields: true } },
  // Lowered to calls of Promise, which the realm lacks: an async recipe fails where it starts.
  supported: { "async-await": false, "async-generator": false, "for-await": false, "dynamic-import": false },
  define: { "import.meta": IMPORT_META, "process.env.NODE_ENV": '"development"' },
  charset: "utf8",
  legalComments: "none",
  logLevel: "silent",
} as const satisfies TransformOptions;

/** How the libraries that core is made of are found: a neutral platform has no rule for that. */
export const LIBRARIES = { mainFields: ["module", "main"] } satisfies BuildOptions;
