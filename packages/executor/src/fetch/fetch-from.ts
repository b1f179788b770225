/** One file from the first of several places that has it, with patience. Knows nothing of what the file is for. */
import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { BuildFailure, FetchAttempt } from "@cab/core";
import { Failed, fail } from "../failure.ts";
import { download, type Wanted } from "./download.ts";
import type { Network } from "./network.ts";
import { withoutCredentials } from "./places.ts";

export interface Fetching {
  /** Where the bytes go; gone again if no place had them. */
  readonly file: string;
  readonly network: Network;
  readonly signal: AbortSignal;
  readonly onBytes: (received: number, total: number | null) => void;
}

/** What came: its digest by the wanted algorithm, and its bytes' number. */
export interface Fetched {
  readonly digest: string;
  readonly size: number;
}

interface Mismatch {
  readonly url: string;
  readonly actual: string;
  readonly bytes: number;
}

/** Every place once; then, after a pause, again those that failed for a passing reason. */
export async function fetchFrom(
  places: readonly string[],
  wanted: Wanted,
  { file, network, signal, onBytes }: Fetching,
): Promise<Fetched> {
  const { patience } = network;
  const dispatcher = await network.dispatcher();
  const attempts: FetchAttempt[] = [];
  const mismatches: Mismatch[] = [];
  let left = places;
  for (let round = 0; left.length > 0 && round <= patience.retries; round++) {
    if (round > 0) await pause(patience.backoffMilliseconds * 2 ** (round - 1), signal);
    const again: string[] = [];
    for (const url of left) {
      const outcome = await download({ url, file, wanted, dispatcher, signal, onBytes });
      if (outcome._tag === "Fetched") return { digest: outcome.actual, size: outcome.bytes };
      const shown = withoutCredentials(url);
      if (outcome._tag === "WrongDigest") {
        mismatches.push({ url: shown, actual: outcome.actual, bytes: outcome.bytes });
        attempts.push({ url: shown, reason: `${wanted.algo} is ${outcome.actual}, expected ${wanted.digest}` });
      } else {
        attempts.push({ url: shown, reason: outcome.reason });
        if (outcome.passing) again.push(url);
      }
    }
    left = again;
  }
  rmSync(file, { force: true });
  return fail(failureOf(attempts, mismatches, wanted));
}

/** Where every place gave whole, wrong files, the promise is wrong; otherwise each place has its own story. */
function failureOf(attempts: readonly FetchAttempt[], mismatches: readonly Mismatch[], wanted: Wanted): BuildFailure {
  const [first] = mismatches;
  if (first === undefined || mismatches.length < attempts.length) return { _tag: "FetchFailed", attempts };
  return { _tag: "DigestMismatch", algo: wanted.algo, expected: wanted.digest ?? "", ...first };
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    throw signal.aborted ? new Failed({ _tag: "Cancelled" }) : error;
  }
}
