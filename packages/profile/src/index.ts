/** The profile package: what a host runs. */
export * from "./activate-program.ts";
export * from "./activator.ts";
export * from "./compare.ts";
export * from "./failure.ts";
export * from "./generation.ts";
export * from "./manifest.ts";
export * from "./params-file.ts";
export * from "./profile-folder.ts";
export * from "./secrets.ts";
export * from "./state-plan.ts";
export * from "./switch.ts";
export * from "./switch-ports.ts";
