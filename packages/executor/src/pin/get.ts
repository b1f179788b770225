/** One file at a time, for who only wants to look into it. Knows nothing of indices or pins. */
import { join } from "node:path";
import { fail } from "../failure.ts";
import type { Wanted } from "../fetch/download.ts";
import { type Fetched, fetchFrom } from "../fetch/fetch-from.ts";
import type { Network } from "../fetch/network.ts";
import { type Mirrors, placesOf } from "../fetch/places.ts";

/** The file is there until the next one is asked for. */
export type Get = (url: string, wanted: Wanted) => Promise<Fetched & { readonly file: string }>;

export interface GetHost extends Mirrors {
  readonly network: Network;
  readonly signal: AbortSignal;
}

export const getInto =
  (folder: string, host: GetHost): Get =>
  async (url, wanted) => {
    const file = join(folder, "file");
    const { network, signal } = host;
    const fetched = await fetchFrom(await placesOf([url], host), wanted, { file, network, signal, onBytes: () => {} });
    return { file, ...fetched };
  };

/** Upper bound of an index or of a registry's answer, decompressed: ten times today's. */
export const MAX_INDEX = 512 * 2 ** 20;

export const anything = (algo: Wanted["algo"], maxBytes: number): Wanted => ({
  algo,
  digest: undefined,
  size: undefined,
  maxBytes,
});

/** Leaves with what is wrong with the answer from `url`. */
export const unpinnable = (url: string, reason: string): never =>
  fail({ _tag: "FetchFailed", attempts: [{ url, reason }] });
