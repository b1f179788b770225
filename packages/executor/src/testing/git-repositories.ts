/** Real repositories in temporary folders, for tests: made by the host's git, with whatever a hostile one may hold. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const ENV = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.org",
  GIT_AUTHOR_DATE: "1000000000 +0000",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.org",
  GIT_COMMITTER_DATE: "1000000000 +0000",
};

export interface TreeItem {
  readonly mode: "100644" | "100755" | "120000" | "160000" | "040000";
  /** Raw bytes, by Latin-1. */
  readonly name: string;
  readonly object: string;
}

export interface TestRepository {
  readonly folder: string;
  readonly url: string;
  readonly git: (...args: string[]) => string;
  readonly blob: (content: string) => string;
  /** Whatever the items say, sensible or not. */
  readonly tree: (items: readonly TreeItem[]) => string;
  /** A commit of this tree on top of what `branch` means, which it moves there. */
  readonly commit: (tree: string, branch?: string) => string;
}

export function testRepository(folder: string, format: "sha1" | "sha256" = "sha1"): TestRepository {
  mkdirSync(folder, { recursive: true });
  const run = (args: readonly string[], input?: Buffer): string =>
    execFileSync("git", ["--git-dir", folder, ...args], {
      env: ENV,
      input: input ?? "",
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
  const git = (...args: string[]): string => run(args);
  run(["init", "--quiet", "--bare", `--object-format=${format}`, "--initial-branch=main"]);
  const write = (type: string, bytes: Buffer): string =>
    run(["hash-object", "-t", type, "-w", "--literally", "--stdin"], bytes);
  const tip = (branch: string): string[] => {
    const found = git("for-each-ref", "--format=%(objectname)", `refs/heads/${branch}`);
    return found === "" ? [] : ["-p", found];
  };
  return {
    folder,
    url: `file://${folder}`,
    git,
    blob: (content) => write("blob", Buffer.from(content)),
    tree: (items) =>
      write(
        "tree",
        Buffer.concat(
          items.flatMap(({ mode, name, object }) => [
            Buffer.from(`${mode.replace(/^0/, "")} ${name}\0`, "latin1"),
            Buffer.from(object, "hex"),
          ]),
        ),
      ),
    commit: (tree, branch = "main") => {
      const commit = git("commit-tree", tree, ...tip(branch), "-m", "x");
      git("update-ref", `refs/heads/${branch}`, commit);
      return commit;
    },
  };
}

/** Serves repositories below `root` by git's own CGI program, to this user only. */
export async function serveRepositories(
  root: string,
  password: string,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const wanted = `Basic ${Buffer.from(`me:${password}`).toString("base64")}`;
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.headers.authorization !== wanted) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
      return;
    }
    const { pathname, search } = new URL(request.url ?? "", "http://x");
    const child = spawn("git", ["http-backend"], {
      env: {
        ...ENV,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: "1",
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
        GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      },
      stdio: ["pipe", "pipe", "ignore"],
    });
    request.pipe(child.stdin);
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("close", () => {
      const whole = Buffer.concat(chunks);
      const end = whole.indexOf("\r\n\r\n");
      const headers = whole.toString("latin1", 0, end).split("\r\n");
      for (const header of headers) {
        const [name = "", value = ""] = header.split(": ");
        if (name === "Status") response.statusCode = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.end(whole.subarray(end + 4));
    });
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A home whose git finds a password by a credential helper, as a user's own would. */
export function homeWithPassword(home: string, url: string, password: string): string {
  mkdirSync(home, { recursive: true });
  writeFileSync(`${home}/.gitconfig`, "[credential]\n\thelper = store\n");
  writeFileSync(`${home}/.git-credentials`, `${url.replace("//", `//me:${password}@`)}\n`, { mode: 0o600 });
  return home;
}
