/** Drives the `ldap-server` role for tests: certificates, entries, a running slapd, and its clients, all from one store. */
import type { ChildProcess } from "node:child_process";
import { chownSync, existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CabOptions, cab, type Ended, startCab } from "./support.ts";

export interface DirectoryServer {
  readonly url: string;
  /** slapd's own process, however it was started. */
  readonly pid: number;
  /** Runs one of the closure's tools in the server's environment. */
  readonly tool: (...argv: readonly string[]) => Promise<Ended>;
  /** Ends it with SIGTERM and gives its exit code. */
  readonly stop: () => Promise<number | null>;
}

export const ADMIN = "cn=admin,dc=example,dc=org";

export const ENTRIES = 1000;

/** 1,000 people below ou=people; alice's password is `wonderland`. */
export function people(): string {
  const lines = ["dn: ou=people,dc=example,dc=org", "objectClass: organizationalUnit", "ou: people", ""];
  for (let i = 1; i < ENTRIES; i++) {
    const uid = i === 1 ? "alice" : `u${i}`;
    lines.push(
      `dn: uid=${uid},ou=people,dc=example,dc=org`,
      "objectClass: inetOrgPerson",
      `uid: ${uid}`,
      `cn: User ${i}`,
    );
    lines.push(`sn: U${i}`, ...(i === 1 ? ["userPassword: wonderland"] : []), "");
  }
  return lines.join("\n");
}

/** Starts slapd as the user of `options`, with its state in `folder`, loaded with `people()` and with STARTTLS. */
export async function startDirectory(folder: string, options: CabOptions): Promise<DirectoryServer> {
  const url = `ldap://127.0.0.1:${await freePort()}`;
  const file = (name: string): string => join(folder, name);
  const own = (name: string, text: string): string => {
    writeFileSync(file(name), text, { mode: 0o600 });
    if (options.uid !== undefined) chownSync(file(name), options.uid, options.uid);
    return file(name);
  };
  const env = {
    ...options.env,
    LDAP_STATE: file("state"),
    LDAP_RUN: file("run"),
    LDAP_URLS: url,
    LDAP_ROOT_PASSWORD_FILE: own("password", "secret"),
    LDAP_TLS_CERTIFICATE: file("certificate.pem"),
    LDAP_TLS_KEY: file("key.pem"),
    LDAP_TLS_CA: file("certificate.pem"),
  };
  const within = { ...options, env, cwd: folder };
  const role = async (...argv: readonly string[]): Promise<Ended> => {
    const ended = await cab(["run", "ldap-server", "ldap-server", ...argv], within);
    return ended;
  };
  const ok = async (...argv: readonly string[]): Promise<void> => {
    const { code, stderr, stdout } = await role(...argv);
    if (code !== 0) throw new Error(`ldap-server ${argv.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  };
  await ok(
    ...["exec", "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file("key.pem"), "-out", file("certificate.pem")],
  );
  await ok("init");
  await ok("load", own("people.ldif", people()));
  const server = startCab(["run", "ldap-server", "ldap-server", "start"], within);
  await untilReady(() => role("health"), server);
  return {
    url,
    pid: processBelow(server.pid as number, "slapd"),
    tool: (...argv) => role("exec", ...argv),
    stop: async () => {
      server.kill("SIGTERM");
      return (await server.ended).code;
    },
  };
}

async function untilReady(
  health: () => Promise<Ended>,
  server: ChildProcess & { ended: Promise<Ended> },
): Promise<void> {
  for (let attempts = 0; attempts < 100; attempts++) {
    if (server.exitCode !== null) throw new Error(`slapd ended:\n${(await server.ended).stderr}`);
    if ((await health()).code === 0) return;
    await sleep(100);
  }
  throw new Error("slapd never answered");
}

/** The descendant of `ancestor` that runs this program. */
export function processBelow(ancestor: number, program: string): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    const stat = existsSync(`/proc/${name}/stat`) ? readFileSync(`/proc/${name}/stat`, "utf8") : "";
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  for (const [pid] of parents) {
    let above: number | undefined = pid;
    while (above !== undefined && above !== ancestor) above = parents.get(above);
    if (above === ancestor && readlinkSync(`/proc/${pid}/exe`).endsWith(`/${program}`)) return pid;
  }
  throw new Error(`no ${program} below process ${ancestor}`);
}

/** Files that a process has mapped. */
export const mappedFiles = (pid: number): string[] => [
  ...new Set(
    readFileSync(`/proc/${pid}/maps`, "utf8")
      .split("\n")
      .flatMap((line) => /\s(\/.*)$/.exec(line)?.[1] ?? []),
  ),
];

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
