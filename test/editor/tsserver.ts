/**
 * Talks to the stock `tsserver` that editors bundle, by its protocol over standard input and output. Knows nothing of
 * recipes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const TSSERVER = join(
  dirname(createRequire(import.meta.url).resolve("typescript-stock/package.json")),
  "lib/tsserver.js",
);

/** Line and offset count from 1. */
export interface Location {
  readonly line: number;
  readonly offset: number;
}

export interface Definition {
  readonly file: string;
  readonly start: Location;
}

export interface Editor {
  /** Opens a file, or replaces its text in the editor alone. */
  readonly open: (file: string, text?: string) => Promise<void>;
  /** What hovering shows. `marked` is text of the file; the place is where its `▮` stands. */
  readonly hover: (file: string, marked: string) => Promise<{ readonly type: string; readonly documentation: string }>;
  readonly definitions: (file: string, marked: string) => Promise<readonly Definition[]>;
  /** Names that are offered. */
  readonly completions: (file: string, marked: string) => Promise<readonly string[]>;
  /** Everything that is underlined in red, as `line: text`. */
  readonly diagnostics: (file: string) => Promise<readonly string[]>;
  /** The configuration file of the project that the file belongs to. */
  readonly project: (file: string) => Promise<string>;
  readonly close: () => Promise<void>;
}

interface Reply {
  readonly type: string;
  readonly request_seq?: number;
  readonly success?: boolean;
  readonly message?: string;
  readonly body?: never;
}

export function startEditor(): Editor {
  const server = spawn(
    process.execPath,
    [TSSERVER, "--disableAutomaticTypingAcquisition", "--suppressDiagnosticEvents"],
    {
      stdio: ["pipe", "pipe", "inherit"],
      env: {},
    },
  );
  const waiting = new Map<number, (reply: Reply) => void>();
  readReplies(server, (reply) => {
    if (reply.type === "response") waiting.get(reply.request_seq as number)?.(reply);
  });
  let seq = 0;
  const texts = new Map<string, string>();

  const send = (command: string, args: object): number => {
    seq += 1;
    server.stdin?.write(`${JSON.stringify({ seq, type: "request", command, arguments: args })}\n`);
    return seq;
  };
  const ask = <A>(command: string, args: object): Promise<A> =>
    new Promise((resolve, reject) => {
      waiting.set(send(command, args), ({ success, message, body }) => {
        if (success) resolve(body as unknown as A);
        else reject(new Error(`${command}: ${message}`));
      });
    });

  const at = (file: string, marked: string): object => {
    const text = texts.get(file) ?? "";
    const [before = ""] = marked.split("▮");
    const start = text.indexOf(marked.replace("▮", ""));
    if (start === -1) throw new Error(`${file} has no ${marked}`);
    const lines = text.slice(0, start + before.length).split("\n");
    return { file, line: lines.length, offset: (lines.at(-1) as string).length + 1 };
  };

  return {
    open: async (file, text = readFileSync(file, "utf8")) => {
      texts.set(file, text);
      await ask("updateOpen", { openFiles: [{ file, fileContent: text }] });
    },
    hover: async (file, marked) => {
      const info = await ask<{ displayString: string; documentation: string }>("quickinfo", at(file, marked));
      return { type: info.displayString, documentation: info.documentation };
    },
    definitions: async (file, marked) => {
      const found = await ask<readonly Definition[]>("definition", at(file, marked));
      return found.map(({ file: to, start }) => ({ file: to, start }));
    },
    completions: async (file, marked) => {
      const info = await ask<{ entries: readonly { name: string }[] }>("completionInfo", at(file, marked));
      return info.entries.map(({ name }) => name);
    },
    diagnostics: async (file) => {
      const kinds = ["syntacticDiagnosticsSync", "semanticDiagnosticsSync"];
      const found = await Promise.all(
        kinds.map((kind) => ask<readonly { start: Location; text: string }[]>(kind, { file })),
      );
      return found.flat().map(({ start, text }) => `${start.line}: ${text}`);
    },
    project: async (file) =>
      (await ask<{ configFileName: string }>("projectInfo", { file, needFileNameList: false })).configFileName,
    close: () =>
      new Promise((resolve) => {
        server.on("exit", () => resolve());
        send("exit", {});
      }),
  };
}

/** Each message comes behind a header that gives its length in bytes. */
function readReplies({ stdout }: ChildProcess, onReply: (reply: Reply) => void): void {
  let buffered: Buffer = Buffer.alloc(0);
  stdout?.on("data", (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    for (;;) {
      const end = buffered.indexOf("\r\n\r\n");
      const length = Number(/^Content-Length: (\d+)/.exec(buffered.subarray(0, Math.max(0, end)).toString())?.[1]);
      if (end === -1 || buffered.length < end + 4 + length) return;
      onReply(JSON.parse(buffered.subarray(end + 4, end + 4 + length).toString()));
      buffered = buffered.subarray(end + 4 + length);
    }
  });
}
