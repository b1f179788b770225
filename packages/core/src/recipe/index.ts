export * from "./evaluate.ts";
export * from "./failure.ts";
export * from "./instantiate.ts";
export * from "./option.ts";
export * from "./package.ts";
export * from "./shell.ts";
export * from "./source.ts";
export * from "./text.ts";
