/** Drives the `ldap-server` role for tests: certificates, entries, a running slapd, and its clients, all from one store. */
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { freePort, untilReady } from "./processes.ts";
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

/**
 * Starts slapd as the user of `options`, its state in their store's, loaded with `people()` and with STARTTLS; what it is
 * told lies in `folder`.
 */
export async function startDirectory(folder: string, options: CabOptions): Promise<DirectoryServer> {
  const port = await freePort();
  const url = `ldap://127.0.0.1:${port}`;
  const root = options.root ?? join(options.env?.HOME ?? "", ".local/share/cab");
  const own = (file: string, text: string): string => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
    if (options.uid !== undefined) chownSync(file, options.uid, options.uid);
    return file;
  };
  const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  const params = { port, certificate, key, authority: certificate };
  const lines = Object.entries(params).map(([name, value]) => `${name} = ${value}\n`);
  own(join(root, "etc/ldap-server.params"), lines.join(""));
  own(join(root, "etc/secrets/ldap-root-password"), "secret");
  const within = {
    ...options,
    env: { ...options.env, LDAPCONF: "/cab/run/ldap-server/etc/ldap.conf" },
    cwd: folder,
  };
  const tool = (...argv: readonly string[]): Promise<Ended> => cab(["run", "ldap-server", ...argv], within);
  const ok = async (...argv: readonly string[]): Promise<void> => {
    const { code, stderr, stdout } = await tool(...argv);
    if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  };
  await ok(
    ...["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
  );
  // As root, slapd runs as a user of its own.
  chmodSync(key, 0o644);
  const server = startCab(["run", "ldap-server", "activate", "up", "--params", "/cab/etc/ldap-server.params"], within);
  await untilReady(async () => (await tool("activate", "health")).code === 0, server);
  await ok("ldapadd", "-x", "-H", url, "-D", ADMIN, "-w", "secret", "-f", own(join(folder, "people.ldif"), people()));
  const pid = Number(readFileSync(join(root, "run/ldap-server/service/slapd/supervise/pid"), "utf8"));
  return {
    url,
    pid,
    tool,
    stop: async () => {
      server.kill("SIGTERM");
      return (await server.ended).code;
    },
  };
}
