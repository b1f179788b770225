/** A worker thread that hashes files: paths in, digests out. Runs as a program of its own. Knows nothing of the store. */
import { parentPort } from "node:worker_threads";
import { digestWith, readBuffer } from "./file-bytes.ts";

export interface HashJob {
  readonly id: number;
  readonly files: readonly Uint8Array[];
}

/** In the order of the job's files; a file that cannot be read has no digest, but the system's name of the reason. */
export interface HashResult {
  readonly id: number;
  readonly digests: readonly ({ readonly digest: string } | { readonly unreadable: string })[];
}

const buffer = readBuffer();

async function digestOf(file: Uint8Array): Promise<HashResult["digests"][number]> {
  try {
    return { digest: await digestWith(Buffer.from(file), "sha256", [], buffer) };
  } catch (error) {
    return { unreadable: error instanceof Error && "code" in error ? String(error.code) : String(error) };
  }
}

parentPort?.on("message", async ({ id, files }: HashJob) => {
  const digests: HashResult["digests"][number][] = [];
  for (const file of files) digests.push(await digestOf(file));
  parentPort?.postMessage({ id, digests } satisfies HashResult);
});
