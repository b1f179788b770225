import { createHash } from "node:crypto";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { BuildJob } from "@cab/core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { fixedOutput, outputOf, type Rig, resultOf, rig } from "../testing/rig.ts";
import { TEST_AUTHORITY, TEST_CERTIFICATE, TEST_KEY } from "../testing/tls.ts";

const BODY = "the bytes that were promised\n";
const digestOf = (text: string, algo = "sha256"): string => createHash(algo).update(text).digest("hex");

/** Paths asked for, in order. */
let asked: string[] = [];
let flakyLeft = 0;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const answers: Readonly<Record<string, Answer>> = {
  "/good": (_, response) => response.end(BODY),
  "/pool/main/z/zlib/zlib_1.2.13+dfsg.tar": (_, response) => response.end(BODY),
  "/@scope/pkg/-/pkg-1.0.0.tgz": (_, response) => response.end(BODY),
  "/wrong": (_, response) => response.end("something else\n"),
  "/long": (_, response) => response.end(BODY.repeat(100)),
  "/endless": (_, response) => {
    const timer = setInterval(() => response.write("x".repeat(1000)), 1);
    response.on("close", () => clearInterval(timer));
  },
  "/cut": (_, response) => {
    response.writeHead(200, { "content-length": BODY.length });
    response.write(BODY.slice(0, 5), () => response.destroy());
  },
  "/silent": () => {},
  "/500": (_, response) => response.writeHead(500).end("broken"),
  "/flaky": (_, response) => (flakyLeft-- > 0 ? response.writeHead(503).end() : response.end(BODY)),
  "/redirect": (_, response) => response.writeHead(302, { location: "/good" }).end(),
  "/loop": (_, response) => response.writeHead(302, { location: "/loop" }).end(),
  "/nowhere": (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
  "/private": ({ headers }, response) =>
    headers.authorization === `Basic ${Buffer.from("me:s3cret").toString("base64")}`
      ? response.end(BODY)
      : response.writeHead(401).end(),
};

const answer: Answer = (request, response) => {
  asked.push(request.url ?? "");
  const known = answers[request.url ?? ""];
  if (known === undefined) response.writeHead(404).end();
  else known(request, response);
};

const listening = (server: Server): Promise<string> =>
  new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`));
  });

const server = createServer(answer);
const secure = createTlsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, answer);
/** A forward proxy for plain HTTP. */
const proxy = createServer((request, response) => {
  asked.push(`proxy ${request.url}`);
  httpRequest(request.url ?? "", { headers: request.headers }, (inner) => inner.pipe(response)).end();
});
let at = "";
let atSecure = "";
let atProxy = "";
let plain: Rig;

const patience = {
  connectMilliseconds: 2000,
  silenceMilliseconds: 300,
  retries: 2,
  backoffMilliseconds: 5,
  maxBytes: 10_000,
};

beforeAll(async () => {
  [at, atSecure, atProxy] = (await Promise.all([server, secure as unknown as Server, proxy].map(listening))) as [
    string,
    string,
    string,
  ];
  plain = rig({ patience });
});
beforeEach(() => {
  asked = [];
});
afterAll(async () => {
  await plain.close();
  for (const one of [server, secure, proxy]) {
    one.closeAllConnections();
    one.close();
  }
});

const fetch = (
  urls: readonly string[],
  env: Record<string, string> = {},
  { using = plain, job = {} as Partial<BuildJob> } = {},
) =>
  using.build(
    {
      builder: "builtin:fetch@1",
      env: { urls: JSON.stringify(urls), ...env },
      outputs: fixedOutput("sha256", digestOf(BODY)),
    },
    job,
  );

test("a file comes as promised, with progress", async () => {
  const progress: unknown[] = [];
  const onBytes = (...step: unknown[]): void => void progress.push(step);
  const result = await fetch([`http://${at}/good`], { size: String(BODY.length) }, { job: { onBytes } });
  expect(resultOf(result)).toBe(BODY);
  expect(result._tag === "Right" && statSync(result.right).mode & 0o777).toBe(0o644);
  expect(progress).toEqual([[BODY.length, BODY.length]]);
});

test("sha512 too", async () => {
  const env = { urls: JSON.stringify([`http://${at}/good`]) };
  const outputs = fixedOutput("sha512", digestOf(BODY, "sha512"));
  expect(resultOf(await plain.build({ builder: "builtin:fetch@1", env, outputs }))).toBe(BODY);
});

test("a place that lacks it, or gives something else, is passed over", async () => {
  const urls = ["/404", "/wrong", "/long", "/redirect", "/good"].map((path) => `http://${at}${path}`);
  expect(resultOf(await fetch(urls, { size: String(BODY.length) }))).toBe(BODY);
  expect(asked).toEqual(["/404", "/wrong", "/long", "/redirect", "/good"]);
});

test("passing faults are tried again after all places had their turn, lasting ones are not", async () => {
  flakyLeft = 2;
  const urls = [`http://${at}/404`, `http://${at}/flaky`];
  expect(resultOf(await fetch(urls))).toBe(BODY);
  expect(asked).toEqual(["/404", "/flaky", "/flaky", "/flaky"]);
});

test("every attempt is told, without credentials", async () => {
  const closed = createServer();
  const atClosed = await listening(closed);
  await new Promise((resolve) => closed.close(resolve));
  const urls = [
    `http://me:s3cret@${at}/404?token=s3cret`,
    `http://me:s3cret@${atClosed}/x`,
    `http://${at}/500`,
    `http://${at}/cut`,
    `http://${at}/silent`,
    `http://${at}/loop`,
    `http://${at}/nowhere`,
    `http://${at}/endless`,
    `http://${at}/wrong`,
  ];
  const result = await fetch(urls);
  expect(JSON.stringify(result)).not.toContain("s3cret");
  const attempts = result._tag === "Left" && result.left._tag === "FetchFailed" ? result.left.attempts : [];
  expect(attempts.slice(0, urls.length)).toEqual([
    { url: `http://${at}/404?…`, reason: "HTTP status 404" },
    { url: `http://${atClosed}/x`, reason: expect.stringContaining("ECONNREFUSED") },
    { url: `http://${at}/500`, reason: "HTTP status 500" },
    { url: `http://${at}/cut`, reason: expect.stringMatching(/closed|aborted|terminated/) },
    { url: `http://${at}/silent`, reason: expect.stringContaining("UND_ERR_HEADERS_TIMEOUT") },
    { url: `http://${at}/loop`, reason: "more than 10 redirects" },
    { url: `http://${at}/nowhere`, reason: "it redirects to a file: URL" },
    { url: `http://${at}/endless`, reason: "more than 10000 bytes" },
    { url: `http://${at}/wrong`, reason: `sha256 is ${digestOf("something else\n")}, expected ${digestOf(BODY)}` },
  ]);
  // Refused, 500, cut and silent are passing: three rounds for each.
  expect(attempts.length).toBe(urls.length + 4 * 2);
});

test("where every place disagrees, the promise is what is wrong", async () => {
  expect(resultOf(await fetch([`http://${at}/wrong`]))).toEqual({
    _tag: "DigestMismatch",
    url: `http://${at}/wrong`,
    algo: "sha256",
    expected: digestOf(BODY),
    actual: digestOf("something else\n"),
    bytes: 15,
  });
});

test("a failed download leaves nothing behind", async () => {
  const job = plain.job({
    builder: "builtin:fetch@1",
    env: { urls: JSON.stringify([`http://${at}/cut`]) },
    outputs: fixedOutput("sha256", digestOf(BODY)),
  });
  await plain.executor.builder.build(job)();
  expect(existsSync(outputOf(job))).toBe(false);
});

test("a password in the URL is sent to that host, and only there", async () => {
  expect(resultOf(await fetch([`http://me:s3cret@${at}/private`]))).toBe(BODY);
});

test("cancelling ends it, in a transfer and in a pause", async () => {
  const controller = new AbortController();
  const pending = fetch([`http://${at}/silent`], {}, { job: { signal: controller.signal } });
  setImmediate(() => controller.abort());
  expect(resultOf(await pending)).toEqual({ _tag: "Cancelled" });
});

test("a proxy is used for what no_proxy does not name", async () => {
  const proxied = rig({ patience, env: { http_proxy: `http://${atProxy}`, no_proxy: "localhost" } });
  expect(resultOf(await fetch([`http://${at}/good`], {}, { using: proxied }))).toBe(BODY);
  expect(asked).toEqual([`proxy http://${at}/good`, "/good"]);
  const direct = rig({ patience, env: { http_proxy: `http://${atProxy}`, no_proxy: "127.0.0.1" } });
  asked = [];
  expect(resultOf(await fetch([`http://${at}/good`], {}, { using: direct }))).toBe(BODY);
  expect(asked).toEqual(["/good"]);
  await Promise.all([proxied.close(), direct.close()]);
});

test("a private authority is trusted if the environment names it, and not otherwise", async () => {
  writeFileSync(`${plain.folder}/ca.pem`, TEST_AUTHORITY);
  const trusting = rig({ patience, env: { SSL_CERT_FILE: `${plain.folder}/ca.pem` } });
  expect(resultOf(await fetch([`https://${atSecure}/good`], {}, { using: trusting }))).toBe(BODY);
  expect(resultOf(await fetch([`https://${atSecure}/good`]))).toMatchObject({
    _tag: "FetchFailed",
    attempts: [{ reason: expect.stringMatching(/UNABLE_TO_VERIFY|SELF_SIGNED|unable to/) }],
  });
  await trusting.close();
});

test("mirror://debian asks the configured mirrors, then apt's", async () => {
  const path = "mirror://debian/pool/main/z/zlib/zlib_1.2.13+dfsg.tar";
  expect(resultOf(await fetch([path]))).toEqual({ _tag: "NoDebianMirror", url: path });
  const apt = `${plain.folder}/apt`;
  mkdirSync(apt);
  writeFileSync(`${apt}/sources.list`, `deb http://${at}/ bookworm main\n`);
  const mirrored = rig({ patience, aptDir: apt, debianMirrors: [`http://${at}/gone/`] });
  expect(resultOf(await fetch([path], {}, { using: mirrored }))).toBe(BODY);
  expect(asked).toEqual(["/gone", ""].map((base) => `${base}/pool/main/z/zlib/zlib_1.2.13+dfsg.tar`));
  await mirrored.close();
});

test("mirror://npm asks the host's registry", async () => {
  const url = "mirror://npm/@scope/pkg/-/pkg-1.0.0.tgz";
  writeFileSync(`${plain.folder}/npmrc`, `# comment\nregistry = http://${at}/\n`);
  const byFile = rig({ patience, npmrc: [`${plain.folder}/npmrc`] });
  const byEnv = rig({ patience, env: { npm_config_registry: `http://${at}` } });
  for (const using of [byFile, byEnv]) {
    expect(resultOf(await fetch([url], {}, { using }))).toBe(BODY);
    await using.close();
  }
  expect(resultOf(await fetch([url]))).toMatchObject({ _tag: "FetchFailed", attempts: [{ url }] });
});

test("bad parameters", async () => {
  const bad = { _tag: "BadArguments" };
  expect(resultOf(await fetch([]))).toMatchObject(bad);
  expect(resultOf(await fetch(["ftp://host/x"]))).toMatchObject({ ...bad, reason: "it cannot fetch ftp://host/x" });
  expect(resultOf(await fetch(["file:///etc/passwd"]))).toMatchObject(bad);
  expect(resultOf(await fetch([`http://${at}/good`], { size: "-1" }))).toMatchObject(bad);
});
