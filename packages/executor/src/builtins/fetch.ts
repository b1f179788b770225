/**
 * `builtin:fetch@1`: one file from the network, promised by its digest.
 *
 *     urls   JSON array, tried in order: http(s)://…, mirror://debian/<path in the archive>, mirror://npm/<package>/-/<file>
 *     size   bytes, if known: checked, and the bound of the download
 *
 * The output is fixed and flat (sha256 or sha512). Where the bytes came from leaves no trace in it.
 */
import { fetchFrom } from "../fetch/fetch-from.ts";
import { isFetchable, placesOf, withoutCredentials } from "../fetch/places.ts";
import type { Builtin } from "./builtin.ts";

export const fetch: Builtin = {
  name: "builtin:fetch@1",
  keys: ["urls", "size"],
  run: async ({ args, job, host, out }) => {
    const spec = job.drv.outputs.out;
    if (spec?._tag !== "FixedOutput" || spec.mode !== "flat") return args.bad("its output must be fixed and flat");
    const urls = args.strings("urls");
    if (urls.length === 0) args.bad('"urls" names no URL');
    for (const url of urls) if (!isFetchable(url)) args.bad(`it cannot fetch ${withoutCredentials(url)}`);
    const size = args.count("size");
    const wanted = { algo: spec.algo, digest: spec.digest, size, maxBytes: host.network.patience.maxBytes };
    const { signal, onBytes } = job;
    await fetchFrom(await placesOf(urls, host), wanted, { file: out, network: host.network, signal, onBytes });
  },
};
