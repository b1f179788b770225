/**
 * `cab init`: a workspace with one role in it, and what an editor needs to see it as cab does. Knows nothing of recipes:
 * what it writes lies in `template/`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { isWorkspace } from "@cab/evaluator";
import { projectConfig } from "@cab/evaluator/recipe-project";
import { Ended } from "../ended.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { recipeProject, TEMPLATE } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[DIRECTORY]",
  summary: "Makes DIRECTORY, or the current folder, a workspace with one role in it.",
  details: [
    "In a folder that is a workspace already it only writes .cab/ anew, which tells an editor where this cab's recipes and",
    "types are; that folder ignores itself in git. No file of the user's is ever overwritten.",
  ].join("\n"),
  flags: {},
  run: async ({ positionals }, host) => {
    const [directory = ".", ...others] = positionals;
    if (others.length > 0) throw new UsageError("make which folder a workspace? give one DIRECTORY");
    const folder = resolve(host.cwd, directory);
    requireFolder(folder);
    if (isWorkspace(folder)) refresh(folder, host);
    else scaffold(folder, directory, host);
    return 0;
  },
});

function requireFolder(folder: string): void {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory()) throw new Ended(`error: ${folder} is a file; give a folder\n`);
}

/** All or nothing: what is there already is the user's. */
function scaffold(folder: string, directory: string, host: Host): void {
  const files = readdirSync(TEMPLATE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(TEMPLATE, join(entry.parentPath, entry.name)))
    .sort();
  const taken = files.filter((file) => existsSync(join(folder, file)));
  if (taken.length > 0) {
    throw new Ended(
      `error: ${folder} has ${taken.join(" and ")} already, and nothing was written\n  remedy: give another folder, or move what is there away\n`,
    );
  }
  for (const file of files) write(join(folder, file), readFileSync(join(TEMPLATE, file), "utf8"));
  writeEditorProject(folder);
  for (const file of files) host.out(`${file}\n`);
  const enter = directory === "." ? "" : `cd ${directory} && `;
  host.err(`a workspace; next: ${enter}cab switch hello-cache\n`);
}

function refresh(folder: string, host: Host): void {
  writeEditorProject(folder);
  const own = join(folder, "tsconfig.json");
  if (!existsSync(own)) {
    write(own, readFileSync(join(TEMPLATE, "tsconfig.json"), "utf8"));
    host.out("tsconfig.json\n");
  } else if (!readFileSync(own, "utf8").includes(EDITOR_PROJECT)) {
    host.err(`note: for an editor to see what cab sees, ${own} must say: "extends": "./${EDITOR_PROJECT}"\n`);
  }
  host.err(`a workspace already; ${EDITOR_PROJECT} is written anew\n`);
}

/** What `tsconfig.json` extends: it names places of this machine, so that no committed file has to. */
const EDITOR_PROJECT = ".cab/tsconfig.json";

function writeEditorProject(folder: string): void {
  write(join(folder, ".cab/.gitignore"), "*\n");
  write(
    join(folder, EDITOR_PROJECT),
    `// Written by cab init; it names places of this machine.\n${JSON.stringify(projectConfig(recipeProject()), null, 2)}\n`,
  );
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}
