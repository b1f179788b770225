export type { Collected, CollectionStep, CollectOptions } from "./collect.ts";

export type { DiskUsage } from "./disk-usage.ts";
export type { Damage } from "./examine-object.ts";
export type { ExportOptions, ExportRequest } from "./export-stream.ts";
export { StoreException } from "./failure.ts";
export type { ImportOptions, ImportReport, RealisationCount } from "./import-stream.ts";
export type { Layout } from "./layout.ts";
export type { Place } from "./places.ts";
export type { AdmissionStep } from "./register.ts";
export type { Repairing } from "./repairing.ts";
export type { RootLink } from "./root-links.ts";
export type { Root } from "./roots.ts";
export { SCHEMA_VERSION } from "./schema.ts";
export type { Owner } from "./settle.ts";
export { openStore, type Store, type StoreOptions } from "./store.ts";
export { type Upgraded, upgradeStore } from "./upgrade.ts";
export type { Verified, VerifyOptions } from "./verify.ts";
