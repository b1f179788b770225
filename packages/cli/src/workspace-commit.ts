/** Which commit a folder is at, by the host's git where there is one. Nothing of the repository's is run. */
import { spawn } from "node:child_process";
import type { Host } from "./verb.ts";

/** With `+` where something is changed; null if it is no repository, or git cannot tell. */
export async function workspaceCommit(host: Host, folder: string): Promise<string | null> {
  const head = await git(host, folder, ["rev-parse", "--verify", "HEAD"]);
  if (head === null || !/^[0-9a-f]{40,64}\n$/.test(head)) return null;
  const changes = await git(host, folder, ["status", "--porcelain"]);
  return `${head.trim()}${changes === "" ? "" : "+"}`;
}

/** Of what it prints, as much as says whether there is anything. */
const ENOUGH = 4096;

function git({ env }: Host, folder: string, args: readonly string[]): Promise<string | null> {
  const settings = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];
  const { PATH = "", HOME = "" } = env;
  return new Promise((resolve) => {
    const child = spawn("git", [...settings, "-C", folder, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { PATH, HOME, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" },
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      if (text.length < ENOUGH) text += chunk;
    });
    child.on("error", () => resolve(null));
    child.on("close", (code) => resolve(code === 0 ? text : null));
  });
}
