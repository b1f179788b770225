/**
 * Texts of modules, ready to be compiled: remembered ones where the file is unchanged, else transformed by esbuild, which
 * is started by the first that needs it. Knows nothing of what is done with them, and never says what is wrong with a
 * module: that is found out by bundling (`bundle.ts`).
 */
import { realpathSync } from "node:fs";
import { dirname, extname } from "node:path";
import type { ModuleMemo, TransformedModule } from "./module-memo.ts";
import {
  displayModule,
  loggedFiles,
  type ModuleName,
  moduleFile,
  moduleName,
  modulePrefix,
  moduleSuffix,
  namedFile,
  ownModule,
} from "./modules.ts";
import { observe, type ReadLog, readLog, recheck } from "./observe.ts";
import { LIBRARIES, RECIPE_LANGUAGE } from "./recipe-language.ts";
import { currentStamp, type Read } from "./stamps.ts";
import type { Workspaces } from "./workspace.ts";

export interface ModuleTextsOptions {
  readonly workspaces: Workspaces;
  readonly coreEntry: string;
  readonly memo: ModuleMemo;
  readonly log: ReadLog;
  readonly now: () => number;
}

export interface ModuleTexts {
  /** Undefined if the module is not plainly well; what it was made of is in the log. */
  readonly module: (name: ModuleName) => Promise<string | undefined>;
  readonly core: () => Promise<string | undefined>;
  /** Remembers all that was asked for. */
  readonly keep: () => Promise<void>;
}

/** Its name in the memo: no module of a workspace has it. */
const CORE = "@cab/core";

/** Modules that esbuild holds: enough for its threads, and little memory. */
const AT_ONCE = 256;

type Loading = TransformedModule | Promise<TransformedModule | undefined> | undefined;

export function moduleTexts(options: ModuleTextsOptions): ModuleTexts {
  const { workspaces, memo, log, now } = options;
  const begun = new Map<string, Loading>();
  const used = new Map<string, TransformedModule>();
  const isReal = realFolders();
  let esbuild: typeof import("esbuild") | undefined;
  const use = (name: string, module: TransformedModule | undefined): string | undefined => {
    if (module === undefined) return undefined;
    for (const read of module.reads) log.record(read);
    used.set(name, module);
    return module.code;
  };

  /**
   * Starts to get a module and, where its text is new, all that it seems to import: esbuild works on many at once, and
   * already while further ones are read.
   */
  const begin = async (first: ModuleName): Promise<void> => {
    const pending = [first];
    const running: Promise<unknown>[] = [];
    for (let i = 0; i < pending.length; i++) {
      const name = pending[i] as ModuleName;
      const key = moduleName(name);
      if (begun.has(key)) continue;
      const file = moduleFile(workspaces, name);
      const known = memo.get(key);
      if (known !== undefined && isUnchanged(known.reads)) {
        begun.set(key, isReal(file) ? known : undefined);
        continue;
      }
      const found = isReal(file) ? readModule(file, now) : undefined;
      if (found === undefined) {
        begun.set(key, undefined);
      } else if (known?.reads[0]?.state === found.read.state) {
        begun.set(key, { code: known.code, reads: [found.read] });
      } else {
        esbuild ??= await import("esbuild");
        const code = transformed(esbuild, name, found.source);
        begun.set(
          key,
          code.then((text) => (text === undefined ? undefined : { code: text, reads: [found.read] })),
        );
        if (running.push(code) > AT_ONCE) await running.shift();
        pending.push(...likelyImports(workspaces, name, found.source));
      }
    }
  };

  return {
    module: async (name) => {
      await begin(name);
      const key = moduleName(name);
      return use(key, await begun.get(key));
    },
    core: async () => {
      const known = memo.get(CORE);
      const checked = known && recheck(known.reads, now);
      if (known === undefined || checked?._tag !== "Same") return use(CORE, await bundledCore(options));
      const isSame = checked.reads.every((read, i) => read === known.reads[i]);
      return use(CORE, isSame ? known : { code: known.code, reads: checked.reads });
    },
    keep: async () => memo.keep(used),
  };
}

const isUnchanged = (reads: readonly Read[]): boolean =>
  reads.every(({ path, stamp }) => stamp !== null && stamp === currentStamp(path));

/** Whether no folder on the way to a file is a symbolic link. The file itself is looked at when it is read. */
function realFolders(): (file: string) => boolean {
  const known = new Map<string, boolean>();
  return (file) => {
    const folder = dirname(file);
    const isReal = known.get(folder) ?? orUndefined(() => realpathSync.native(folder)) === folder;
    known.set(folder, isReal);
    return isReal;
  };
}

function readModule(file: string, now: () => number): { source: string; read: Read } | undefined {
  const seen = orUndefined(() => observe(file, "all", now));
  return seen?.observed._tag === "File" ? { source: seen.observed.bytes.toString(), read: seen.read } : undefined;
}

/** What the disk refuses is told by whoever explains what is wrong; any other error is a bug. */
function orUndefined<A>(step: () => A): A | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return undefined;
    throw error;
  }
}

/** A guess, to be early: neither a comment that looks like an import nor one that is missed changes any result. */
function likelyImports(workspaces: Workspaces, importer: ModuleName, source: string): ModuleName[] {
  const names: ModuleName[] = [];
  for (const [, specifier] of source.matchAll(/^(?:import|export|\}) (?!type\b).*?["'](.+\.ts)["'];?$/gm)) {
    const file = namedFile(workspaces, importer, specifier as string);
    const name = file === undefined ? undefined : ownModule(workspaces, file);
    if (name !== undefined) names.push(name);
  }
  return names;
}

async function transformed(
  { transform }: typeof import("esbuild"),
  name: ModuleName,
  source: string,
): Promise<string | undefined> {
  if (extname(name.path) === ".json") return jsonModule(source);
  try {
    const { code } = await transform(modulePrefix(name, source) + source + moduleSuffix(source), {
      ...RECIPE_LANGUAGE,
      define: { ...RECIPE_LANGUAGE.define, require: REQUIRE },
      supported: { ...RECIPE_LANGUAGE.supported, "top-level-await": false },
      loader: "ts",
      format: "esm",
      sourcefile: displayModule(name),
    });
    return NOT_PLAIN.test(code) ? undefined : code;
  } catch (error) {
    if (error instanceof Error && "errors" in error) return undefined;
    throw error;
  }
}

/** What a `require` that nothing declares becomes, so that it is seen. */
const REQUIRE = "__cab_require";

/** In the text of a module that means to require another, imports one dynamically, or is CommonJS itself. */
const NOT_PLAIN = new RegExp(`\\b(?:${REQUIRE}|__toESM\\(require\\(|__commonJS\\()`);

function jsonModule(source: string): string | undefined {
  try {
    return `export default JSON.parse(${JSON.stringify(JSON.stringify(JSON.parse(source)))});`;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Core and its libraries as one module. They are as trusted as this file: what is wrong with them is a bug. */
async function bundledCore({ coreEntry, now }: ModuleTextsOptions): Promise<TransformedModule> {
  const { build } = await import("esbuild");
  const files = readLog(now);
  const { outputFiles } = await build({
    ...RECIPE_LANGUAGE,
    ...LIBRARIES,
    entryPoints: [coreEntry],
    bundle: true,
    write: false,
    format: "esm",
    plugins: [loggedFiles(files)],
  });
  return { code: outputFiles[0]?.text ?? "", reads: files.reads() };
}
