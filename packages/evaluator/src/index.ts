export * from "./evaluate.ts";
export * from "./failure.ts";
export type { CollectedFetch } from "./fresh.ts";
export * from "./lock.ts";
export * from "./memo.ts";
export * from "./memo-files.ts";
export * from "./render.ts";
export * from "./workspace.ts";
