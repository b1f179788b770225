export * from "./event.ts";
export * from "./graph.ts";
export * from "./lookup.ts";
export * from "./plan.ts";
export * from "./realise.ts";
export { receiveClosures } from "./receive.ts";
