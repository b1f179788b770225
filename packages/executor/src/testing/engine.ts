/**
 * An engine process that runs one sandboxed build and prints the result: a program of its own, so that tests can run it
 * as another user, and kill it.
 *
 *     node engine.ts '<JSON of EngineOrder>'
 */
import { existsSync } from "node:fs";
import type { BuildJob, ResolvedDerivation, SecretSearch, StorePath } from "@cab/core";
import { createExecutor } from "../executor.ts";
import { testScratch } from "./scratch.ts";

export interface EngineOrder {
  /** Holds `store`, `build` and `log` afterwards. */
  readonly folder: string;
  readonly drv: ResolvedDerivation;
  readonly tools: StorePath;
  /** Files on disk by store path: the inputs, and the tools. */
  readonly files: Readonly<Record<StorePath, string>>;
  readonly inputs: readonly StorePath[];
  readonly limits?: { readonly seconds?: number; readonly silenceSeconds?: number; readonly logBytes?: number };
  readonly memoryBytes?: number;
  /** What the log must not contain; called `password`. */
  readonly secret?: string;
  /** Cancels when this file, which the builder makes in /build, exists. */
  readonly cancelOn?: string;
}

const order = JSON.parse(process.argv[2] as string) as EngineOrder;
const scratch = testScratch(order.folder);
const controller = new AbortController();
const marker = order.cancelOn;
const watching =
  marker === undefined
    ? undefined
    : setInterval(() => existsSync(`${scratch.buildDir}/${marker}`) && controller.abort(), 5);

/** Finds the secret in logs of a few lines. */
function search(secret: string): SecretSearch {
  let text = "";
  return {
    update: (chunk) => {
      text += Buffer.from(chunk).toString("latin1");
    },
    finish: () => (text.includes(secret) ? ["password"] : []),
  };
}

const executor = createExecutor({
  env: {},
  secretSearch: () => (order.secret === undefined ? undefined : search(order.secret)),
  openLog: () => `${order.folder}/log`,
  hostBubblewrap: false,
  sandbox: { cores: 7, memoryBytes: order.memoryBytes ?? null },
  ...(order.limits === undefined ? {} : { limits: order.limits }),
});
const job: BuildJob = {
  drv: order.drv,
  drvHash: "0".repeat(64) as BuildJob["drvHash"],
  scratch,
  inputs: order.inputs,
  sandboxTools: order.tools,
  physical: (path) => order.files[path] as string,
  signal: controller.signal,
  onBytes: () => {},
};
const result = await executor.builder.build(job)();
clearInterval(watching);
await executor.close();
process.stdout.write(JSON.stringify(result));
