/**
 * What recipes see of core: their `@cab/core`, to the evaluator's bundle and to the type checker alike. Without the
 * engine, which no recipe can use and whose names an editor would offer.
 */
export * from "./bytes.ts";
export * from "./derivation.ts";
export * from "./platform.ts";
export * from "./recipe/index.ts";
export * from "./sha256.ts";
export * from "./store-path.ts";
