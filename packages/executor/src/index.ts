/** The executor package: what touches the outside. */
export { createExecutor, type Executor, type ExecutorOptions } from "./executor.ts";
export { DEFAULT_PATIENCE, network } from "./fetch/network.ts";
export { gitHost } from "./git/command.ts";
export type { Newer, VersionQuery } from "./pin/newer.ts";
export { openPinning, type PinHost, type Pinning } from "./pin/pin.ts";
export { inheritedDescriptors, instead } from "./sandbox/descriptors.ts";
export { hostViewCommand, type ViewTies } from "./sandbox/host-view.ts";
export { probeSandbox } from "./sandbox/probe.ts";
export { treePrograms } from "./sandbox/programs.ts";
export { type BlobSink, type BlobSource, directoryBlobs, memoryBlobs } from "./substituters/blobs.ts";
export { type Publication, publish } from "./substituters/publish.ts";
export { directorySubstituter, substituter } from "./substituters/substituter.ts";
