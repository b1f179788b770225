/** Drives the `ldap-server` role for tests: certificates, entries, a running slapd, and its clients, all from one store. */
import { chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, processBelow, untilReady } from "./processes.ts";
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
  await untilReady(async () => (await role("health")).code === 0, server);
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
