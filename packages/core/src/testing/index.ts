export * from "./memory-object.ts";
export * from "./memory-world.ts";
