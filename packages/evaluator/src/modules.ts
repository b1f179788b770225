/**
 * Which modules a recipe may import, as an esbuild plugin: core, and files of the workspaces. Workspace modules live in
 * esbuild's namespace `cab` under `<workspace id>/<path>`, so that nothing of the machine gets into the bundle. Knows
 * nothing of what runs the bundle.
 */
import { realpathSync, statSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import type { Loader, OnLoadResult, OnResolveResult, PartialMessage, Plugin } from "esbuild";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import type { ModuleFault } from "./failure.ts";
import type { ReadLog } from "./observe.ts";
import type { Recipe } from "./recipes.ts";
import { displayFile, type Workspace, type WorkspaceFile, type Workspaces, workspaceFile } from "./workspace.ts";

export const NAMESPACE = "cab";
const ENTRY = "cab-entry";

/** How the generated entry names `cab.config.ts`; a recipe it names by its number. */
const CONFIG = "config";

/** The generated entry in the metafile. */
export const ENTRY_MODULE = `${ENTRY}:entry`;

/** `<workspace id>/<path>`: a module's name in the bundle, its source map and esbuild's metafile. */
export interface ModuleName {
  readonly id: Workspace["id"];
  readonly path: string;
}

export const moduleName = ({ id, path }: ModuleName): string => `${id}/${path}`;

export function parseModuleName(name: string): ModuleName | undefined {
  for (const id of ["user", "@cab/derivations"] as const) {
    if (name.startsWith(`${id}/`)) return { id, path: name.slice(id.length + 1) };
  }
  return undefined;
}

export const displayModule = ({ id, path }: ModuleName): string => displayFile({ id }, path);

/** What stands for `import.meta` in the bundle: a constant of each module that mentions it. */
export const IMPORT_META = "__cab_import_meta";

/** Stands before the first line, so that no line moves; columns of the first line move by its length. */
export function modulePrefix(name: ModuleName, source: string): string {
  if (!source.includes("import.meta")) return "";
  const url = `cab:///${encodeURIComponent(name.id)}/${name.path}`;
  return `const ${IMPORT_META} = ${JSON.stringify({ url })};`;
}

/** The realm's function that a module's last statement calls; see `purify`. */
export const SEAL = "__cab_seal";

/**
 * Stands behind the last line: seals what the module holds at its top level, once it has been evaluated. What only looks
 * like such a declaration, in a comment or a text, is undefined there.
 */
export function moduleSuffix(source: string): string {
  const names = [...source.matchAll(/^(?:export[ \t]+)?(?:const|let|var)[ \t]+([\w$]+)/gm)].map(([, name]) => name);
  if (names.length === 0) return "";
  return `\n;${SEAL}([${names.map((name) => `typeof ${name}!=="undefined"&&${name}`)}]);`;
}

/** What the generated entry imports. */
export interface Entry {
  readonly recipes: readonly Recipe[];
  /** `cab.config.ts`, if the workspace has one. */
  readonly config: WorkspaceFile | undefined;
}

export interface ModuleOptions extends Entry {
  readonly workspaces: Workspaces;
  /** The module that recipes import as `@cab/core`. */
  readonly coreEntry: string;
  readonly log: ReadLog;
  /** Filled with the text of each workspace module, by its name. */
  readonly sources: Map<string, string>;
}

/** The fault that a refused import carries through esbuild, which adds the place. */
export type RefusedImport = Omit<Extract<ModuleFault, { readonly _tag: "ForbiddenImport" }>, "_tag" | "place">;

export const workspaceModules = (options: ModuleOptions): Plugin => ({
  name: "cab-modules",
  setup: (build) => {
    // By file: thousands of imports name the same few hundred modules.
    const resolved: Resolved = new Map();
    build.onResolve({ filter: /.*/ }, ({ path, importer, namespace, kind }): OnResolveResult | undefined => {
      if (kind === "entry-point") return { path: "entry", namespace: ENTRY };
      if (namespace === ENTRY) {
        if (path === "@cab/core") return { path: options.coreEntry };
        return { path: moduleName(entryImport(options, path)), namespace: NAMESPACE };
      }
      if (namespace !== NAMESPACE) return undefined;
      const found = resolveImport(options, resolved, { importer: parseModuleName(importer) as ModuleName, path, kind });
      return isLeft(found) ? { errors: [{ text: found.left.reason, detail: found.left }] } : found.right;
    });
    build.onLoad({ filter: /.*/, namespace: ENTRY }, () => ({ contents: entryModule(options), loader: "js" }));
    build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => loadModule(options, path));
    loggedFiles(options.log).setup(build);
  },
});

/** Files that esbuild finds by itself, such as core's, read through the log. */
export const loggedFiles = (log: ReadLog): Plugin => ({
  name: "cab-files",
  setup: (build) => {
    build.onLoad({ filter: /.*/, namespace: "file" }, ({ path }) => {
      const contents = log.readFile(path);
      return contents === undefined ? undefined : { contents, loader: loaderOf(path) };
    });
  },
});

/** Core first, so that whatever it sets up is there when the first recipe runs. */
export function entryModule({ recipes, config }: Entry): string {
  const imports = recipes.map((_, i) => `import * as recipe${i} from "${i}";`);
  const values = recipes.map(({ name }, i) => `{ name: ${JSON.stringify(name)}, value: recipe${i}.default }`);
  return [
    'export { evaluateRecipes } from "@cab/core";',
    ...(config === undefined ? [] : [`import * as config from "${CONFIG}";`]),
    ...imports,
    `export const workspace = ${config === undefined ? undefined : "config.default"};`,
    `export const recipes = [${values.join(", ")}];`,
  ].join("\n");
}

/** The module that the entry means by a specifier. */
export function entryImport({ recipes, config }: Entry, specifier: string): ModuleName {
  const { workspace, path } = (specifier === CONFIG ? config : recipes[Number(specifier)]) as WorkspaceFile;
  return { id: workspace.id, path };
}

type Resolved = Map<string, Either<never, OnResolveResult>>;

interface Import {
  readonly importer: ModuleName;
  readonly path: string;
  readonly kind: string;
}

function resolveImport(
  options: ModuleOptions,
  resolved: Resolved,
  { importer, path, kind }: Import,
): Either<RefusedImport, OnResolveResult> {
  const refuse = (reason: string, remedy: string) => left({ specifier: path, reason, remedy });
  if (kind !== "import-statement") {
    return refuse(`${kind.replace("-", " ")} is not part of a recipe`, `write: import … from ${JSON.stringify(path)}`);
  }
  if (path === "@cab/core") return right({ path: options.coreEntry });
  const file = namedFile(options.workspaces, importer, path);
  if (file === undefined) {
    return refuse(
      path.startsWith("node:") ? "a recipe cannot reach Node" : "a recipe imports core and files of its workspace only",
      "take it from @cab/core or @cab/derivations/…, or copy the module into the workspace and import it as ./…",
    );
  }
  const known = resolved.get(file);
  if (known !== undefined) return known;
  if (!isFile(file)) {
    const guess = `${path.replace(/\.js$/, "")}.ts`;
    const meant = isFile(namedFile(options.workspaces, importer, guess) ?? file);
    return refuse("there is no such file", meant ? `write ${JSON.stringify(guess)}` : "correct the path");
  }
  if (realpathSync.native(file) !== file)
    return refuse("it is reached through a symbolic link", "import the file itself");
  const name = ownModule(options.workspaces, file);
  if (name === undefined) {
    return refuse("the file lies outside the workspace", "move it into the workspace, or read it with local(…)");
  }
  if (!isModuleFile(file)) {
    return refuse("only .ts and .json files are modules", `read it with local(import.meta, ${JSON.stringify(path)})`);
  }
  const module = right({ path: moduleName(name), namespace: NAMESPACE });
  resolved.set(file, module);
  return module;
}

const isFile = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.isFile() === true;

/** A file of a workspace as a module; undefined for what lies elsewhere, or is another package's. */
export function ownModule(workspaces: Workspaces, file: string): ModuleName | undefined {
  const found = workspaceFile(workspaces, file);
  if (found === undefined || found.path.split("/").includes("node_modules")) return undefined;
  return { id: found.workspace.id, path: found.path };
}

export const isModuleFile = (file: string): boolean => [".ts", ".json"].includes(extname(file));

/** Where a module lies on disk. */
export function moduleFile(workspaces: Workspaces, { id, path }: ModuleName): string {
  const workspace = workspaces.find((candidate) => candidate.id === id) as Workspace;
  return resolve(workspace.root, path);
}

/** The file on disk that a specifier names; undefined for what names none. */
export function namedFile(workspaces: Workspaces, importer: ModuleName, path: string): string | undefined {
  const rootOf = (id: string): string | undefined => workspaces.find((workspace) => workspace.id === id)?.root;
  const shipped = rootOf("@cab/derivations");
  if (path.startsWith("@cab/derivations/") && shipped !== undefined) {
    return resolve(shipped, path.slice("@cab/derivations/".length));
  }
  const own = rootOf(importer.id);
  const isRelative = path.startsWith("./") || path.startsWith("../");
  return isRelative && own !== undefined ? resolve(own, dirname(importer.path), path) : undefined;
}

function loadModule({ workspaces, log, sources }: ModuleOptions, path: string): OnLoadResult {
  const name = parseModuleName(path) as ModuleName;
  const source = log.readFile(moduleFile(workspaces, name))?.toString();
  if (source === undefined)
    return { errors: [{ text: "the file vanished while it was read" } satisfies PartialMessage] };
  sources.set(path, source);
  const loader = loaderOf(path);
  // Without an export of its own esbuild would take it for CommonJS, whose default export is there whatever it says.
  if (loader === "json") return { contents: source, loader };
  const end = /\b(im|ex)port\b/.test(source) ? "" : "\nexport {};\n";
  return { contents: modulePrefix(name, source) + source + moduleSuffix(source) + end, loader };
}

const loaderOf = (path: string): Loader => (path.endsWith(".json") ? "json" : path.endsWith("ts") ? "ts" : "js");
