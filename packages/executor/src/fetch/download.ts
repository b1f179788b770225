/**
 * One attempt to fetch a file from one place, hashed while it is written. Knows nothing of other places, of retries, or
 * of what the file is for.
 */
import { createHash } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import type { Dispatcher } from "undici";
import { errnoOf, Failed } from "../failure.ts";
import { writeAll } from "../tree/tree-writer.ts";
import { withoutCredentials } from "./places.ts";

export interface Wanted {
  readonly algo: "sha256" | "sha512";
  /** Lower-case hexadecimal; undefined takes whatever comes, to be pinned. */
  readonly digest: string | undefined;
  /** Bytes, if promised. */
  readonly size: number | undefined;
  readonly maxBytes: number;
}

export type Outcome =
  | { readonly _tag: "Fetched"; readonly actual: string; readonly bytes: number }
  | { readonly _tag: "WrongDigest"; readonly actual: string; readonly bytes: number }
  /** `passing`: worth another try. */
  | { readonly _tag: "Refused"; readonly reason: string; readonly passing: boolean };

export interface Download {
  readonly url: string;
  readonly file: string;
  readonly wanted: Wanted;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  readonly onBytes: (received: number, total: number | null) => void;
}

const MAX_REDIRECTS = 10;

const refused = (reason: string, passing = false): Outcome => ({ _tag: "Refused", reason, passing });

export async function download(request: Download): Promise<Outcome> {
  try {
    const { request: send } = (await import("undici")).default;
    let url = new URL(request.url);
    const origin = url.origin;
    const authorization = basicAuthorization(url);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "cab" };
      // The password is for the host that the URL named, not for one that it sends us to.
      if (authorization !== undefined && url.origin === origin) headers.authorization = authorization;
      const { dispatcher, signal } = request;
      const target = new URL(url);
      target.username = "";
      target.password = "";
      const answer = await send(target.href, { dispatcher, signal, headers });
      if (answer.statusCode >= 300 && answer.statusCode < 400) {
        await answer.body.dump();
        const location = answer.headers.location;
        if (typeof location !== "string" || !URL.canParse(location, url.href))
          return refused("it redirects to nowhere");
        url = new URL(location, url);
        if (!/^https?:$/.test(url.protocol)) return refused(`it redirects to a ${url.protocol} URL`);
        continue;
      }
      if (answer.statusCode === 200) return await receive(answer, request);
      await answer.body.dump();
      const passing = answer.statusCode >= 500 || answer.statusCode === 429 || answer.statusCode === 408;
      return refused(`HTTP status ${answer.statusCode}${redirectedTo(url, request.url)}`, passing);
    }
    return refused(`more than ${MAX_REDIRECTS} redirects`);
  } catch (error) {
    if (request.signal.aborted) throw new Failed({ _tag: "Cancelled" });
    return networkError(error);
  }
}

const redirectedTo = (url: URL, asked: string): string => {
  const place = withoutCredentials(url.href);
  return place === withoutCredentials(asked) ? "" : `, from ${place}`;
};

async function receive(answer: Dispatcher.ResponseData, request: Download): Promise<Outcome> {
  const { wanted, onBytes } = request;
  const announced = Number(answer.headers["content-length"] ?? Number.NaN);
  const total = Number.isSafeInteger(announced) ? announced : null;
  const limit = wanted.size ?? wanted.maxBytes;
  const oversized = (): Outcome =>
    refused(wanted.size === undefined ? `more than ${limit} bytes` : `expected ${limit} bytes, it sends more`);
  if (total !== null && total > limit) {
    // Giving up on a body makes it emit an error, which is no news.
    answer.body.on("error", () => {}).destroy();
    return oversized();
  }
  const hash = createHash(wanted.algo);
  let received = 0;
  const fd = openSync(request.file, "w", 0o644);
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > limit) return oversized();
      hash.update(chunk);
      writeAll(fd, chunk);
      onBytes(received, wanted.size ?? total);
    }
  } finally {
    closeSync(fd);
  }
  if (wanted.size !== undefined && received < wanted.size) {
    return refused(`expected ${wanted.size} bytes, got ${received}`, true);
  }
  const actual = hash.digest("hex");
  const isWanted = wanted.digest === undefined || wanted.digest === actual;
  return { _tag: isWanted ? "Fetched" : "WrongDigest", actual, bytes: received };
}

function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(user).toString("base64")}`;
}

/** Errors of a connection that may well go better a second later. */
const PASSING = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ETIMEDOUT",
  "EPIPE",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_SOCKET",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
]);

/** File system calls, whose errors are ours and not the server's. */
const OF_THE_DISK = new Set(["open", "write", "close"]);

function networkError(error: unknown): Outcome {
  const cause = deepest(error);
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const isDisk = "syscall" in cause && OF_THE_DISK.has(String(cause.syscall));
  if (error instanceof Failed || isDisk || (code === "" && errnoOf(error) === undefined && !isHttp(cause))) throw error;
  const reason = cause.message.replace(/\/\/[^/@\s]*@/g, "//");
  return refused(code === "" || reason.includes(code) ? reason : `${reason} (${code})`, PASSING.has(code));
}

const isHttp = (error: Error): boolean => /^(HTTP|Tls|Socket|RequestAborted|SecureProxy)/i.test(error.name);

/** What lies below errors that only say that something failed; of several connections, the first one's error. */
function deepest(error: unknown): Error {
  if (!(error instanceof Error)) throw error;
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return deepest(error.errors[0]);
  return error.cause instanceof Error ? deepest(error.cause) : error;
}
