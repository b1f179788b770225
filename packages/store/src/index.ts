export type { Owner } from "./add-tree.ts";
export type { Collected, CollectionStep, CollectOptions } from "./collect.ts";
export { SCHEMA_VERSION } from "./database.ts";
export { StoreException } from "./failure.ts";
export type { Layout } from "./layout.ts";
export type { AdmissionStep } from "./register.ts";
export type { RootLink } from "./root-links.ts";
export type { Root } from "./roots.ts";
export { openStore, type Store, type StoreOptions } from "./store.ts";
