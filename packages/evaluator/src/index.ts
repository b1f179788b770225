/**
 * What every command uses. What single verbs use has paths of its own (package.json): a bundler that splits by verb puts all
 * that an index names into each of them.
 */
export * from "./evaluate.ts";
export * from "./failure.ts";
export type { Collected, CollectedFetch } from "./fresh.ts";
export * from "./memo.ts";
export * from "./memo-files.ts";
export type { Edits } from "./observe.ts";
export type { Recipe } from "./recipes.ts";
export * from "./workspace.ts";
