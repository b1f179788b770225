export * from "./memory-object.ts";
export * from "./memory-world.ts";
export * from "./plain-derivation.ts";
export * from "./run.ts";
export * from "./small-graph.ts";
