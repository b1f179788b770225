/** How the host reaches the network: proxies, private authorities, patience. Knows nothing of what is fetched. */
import { readFileSync } from "node:fs";
import { getCACertificates } from "node:tls";
import type { Dispatcher } from "undici";

export interface Network {
  /** Opened when the first download comes; loads the HTTP client. */
  readonly dispatcher: () => Promise<Dispatcher>;
  readonly close: () => Promise<void>;
  readonly patience: Patience;
}

export interface Patience {
  readonly connectMilliseconds: number;
  /** Between two pieces of an answer. */
  readonly silenceMilliseconds: number;
  /** Further rounds over all places that failed for a passing reason. */
  readonly retries: number;
  /** Before the first further round; doubled before each next one. */
  readonly backoffMilliseconds: number;
  /** Of a download whose size nobody promised, in bytes. */
  readonly maxBytes: number;
}

export const DEFAULT_PATIENCE: Patience = {
  connectMilliseconds: 10_000,
  silenceMilliseconds: 30_000,
  retries: 3,
  backoffMilliseconds: 500,
  maxBytes: 8 * 2 ** 30,
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads `http_proxy`, `https_proxy`, `no_proxy` (or in capitals) and `SSL_CERT_FILE`, `NODE_EXTRA_CA_CERTS`. */
export function network(env: Environment, patience: Patience = DEFAULT_PATIENCE): Network {
  let opened: Promise<Dispatcher> | undefined;
  const open = async (): Promise<Dispatcher> => {
    const { EnvHttpProxyAgent } = (await import("undici")).default;
    const ca = authorities(env);
    const tls = ca === undefined ? {} : { ca };
    return new EnvHttpProxyAgent({
      httpProxy: env.http_proxy ?? env.HTTP_PROXY ?? "",
      httpsProxy: env.https_proxy ?? env.HTTPS_PROXY ?? "",
      noProxy: env.no_proxy ?? env.NO_PROXY ?? "",
      connect: { timeout: patience.connectMilliseconds, ...tls },
      requestTls: tls,
      proxyTls: tls,
      headersTimeout: patience.silenceMilliseconds,
      bodyTimeout: patience.silenceMilliseconds,
    });
  };
  return {
    patience,
    dispatcher: () => {
      opened ??= open();
      return opened;
    },
    close: async () => {
      await (await opened)?.destroy();
    },
  };
}

/** Node's own authorities and those of the files; undefined where the host names none. */
function authorities(env: Environment): string[] | undefined {
  const files = [env.SSL_CERT_FILE, env.NODE_EXTRA_CA_CERTS].filter((file) => file !== undefined && file !== "");
  if (files.length === 0) return undefined;
  return [...getCACertificates("default"), ...new Set(files.map((file) => readFileSync(file as string, "utf8")))];
}
