/** Logs of builds, as the executor left them: plain while the builder runs or if the engine was killed, else compressed. */
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { type DerivationOf, type DrvHash, drvHash, knownResolution } from "@cab/core";
import type { Store } from "@cab/store";
import type { LogTail } from "./render-failure.ts";

const TAIL_LINES = 20;

interface BuildLog {
  readonly file: string;
  readonly text: string;
}

/** What the last build of this derivation printed; undefined if it was never run in this store. */
export async function readBuildLog(
  store: Store,
  derivation: DerivationOf,
  drv: DrvHash,
): Promise<BuildLog | undefined> {
  const resolved = knownResolution(store, derivation, drv);
  if (resolved === undefined) return undefined;
  const plain = store.logFile(drvHash(resolved));
  if (existsSync(plain)) return { file: plain, text: readFileSync(plain, "utf8") };
  const file = `${plain}.zst`;
  if (!existsSync(file)) return undefined;
  const { zstdDecompress } = await import("node:zlib");
  return { file, text: (await promisify(zstdDecompress)(readFileSync(file))).toString("utf8") };
}

export async function logTail(store: Store, derivation: DerivationOf, drv: DrvHash): Promise<LogTail> {
  const log = await readBuildLog(store, derivation, drv);
  const lines = log?.text.trimEnd().split("\n") ?? [];
  return { lines: log?.text ? lines.slice(-TAIL_LINES) : [], file: log?.file };
}
