/** A Debian archive and an npm registry in one server of this process's, for tests: unsigned, and with what a test puts there. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface TestArchive {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Puts a file where a URL's path says. */
  readonly put: (path: string, content: string) => void;
  /** A suite whose source packages have these files; the files themselves hold their own names. */
  readonly suite: (name: string, packages: Readonly<Record<string, readonly string[]>>) => void;
  readonly npm: (name: string, versions: Readonly<Record<string, object>>) => void;
  readonly close: () => void;
}

const digest = (text: string, algo: string, encoding: "hex" | "base64"): string =>
  createHash(algo).update(text).digest(encoding);

export async function testArchive(): Promise<TestArchive> {
  const files = new Map<string, string>();
  const asked: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    const path = decodeURIComponent(url);
    asked.push(path);
    const content = files.get(path);
    if (content === undefined) response.writeHead(404).end();
    else response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const put = (path: string, content: string): void => void files.set(path, content);
  const sha256Line = (name: string, content: string): string =>
    ` ${digest(content, "sha256", "hex")} ${content.length} ${name}`;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    put,
    suite: (name, packages) => {
      const stanzas = Object.entries(packages).map(([of, names]) => {
        for (const file of names) put(`/pool/${of}/${file}`, file);
        const lines = names.map((file) => sha256Line(file, file));
        return `Package: ${of}\nDirectory: pool/${of}\nChecksums-Sha256:\n${lines.join("\n")}\n`;
      });
      const sources = stanzas.join("\n");
      put(`/dists/${name}/main/source/Sources.xz`, sources);
      put(`/dists/${name}/InRelease`, `SHA256:\n${sha256Line("main/source/Sources.xz", sources)}\n`);
    },
    npm: (name, versions) => {
      put(`/${name}`, JSON.stringify({ name, versions }));
      for (const version of Object.keys(versions)) {
        const tarball = `${name}-${version}`;
        const integrity = `sha512-${digest(tarball, "sha512", "base64")}`;
        put(`/${name}/${version}`, JSON.stringify({ name, version, dist: { integrity } }));
        put(`/${name}/-/${name.split("/").at(-1)}-${version}.tgz`, tarball);
      }
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
