/**
 * Makes one script of the wanted recipes, everything they import, and core. Finds what can be found without running
 * anything: syntax errors, forbidden imports, import cycles. Knows nothing of the realm that runs the script.
 */

import type { BuildFailure, Message, Metafile } from "esbuild";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import type { EvaluatorFailure, ModuleFault, Place } from "./failure.ts";
import { importOrder } from "./import-order.ts";
import {
  displayModule,
  ENTRY_MODULE,
  type ModuleName,
  type ModuleOptions,
  modulePrefix,
  NAMESPACE,
  parseModuleName,
  type RefusedImport,
  workspaceModules,
} from "./modules.ts";
import { LIBRARIES, RECIPE_LANGUAGE } from "./recipe-language.ts";

export interface Bundle {
  /** Declares a variable `cab`: a `LoadedBundle`. */
  readonly code: string;
  /** Source map, as JSON. */
  readonly map: string;
  /** Text of each workspace module, by the name that it has in the map. */
  readonly sources: ReadonlyMap<string, string>;
}

export async function bundleRecipes(
  options: Omit<ModuleOptions, "sources">,
): Promise<Either<EvaluatorFailure, Bundle>> {
  const { build } = await import("esbuild");
  const sources = new Map<string, string>();
  try {
    const { outputFiles, metafile } = await build({
      entryPoints: ["entry"],
      outfile: "/cab-bundle.js",
      bundle: true,
      write: false,
      metafile: true,
      ...RECIPE_LANGUAGE,
      ...LIBRARIES,
      format: "iife",
      globalName: "cab",
      sourcemap: "external",
      sourcesContent: false,
      logLimit: MAX_FAULTS,
      plugins: [workspaceModules({ ...options, sources })],
    });
    const cycle = findCycle(metafile);
    if (cycle !== undefined) return left({ _tag: "ImportCycle", files: cycle });
    const text = (suffix: string): string => outputFiles.find(({ path }) => path.endsWith(suffix))?.text ?? "";
    return right({ code: text(".js"), map: text(".map"), sources });
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const thrown = error.errors.find(({ detail }) => detail instanceof Error);
    if (thrown !== undefined) throw thrown.detail;
    return left({ _tag: "BadModules", faults: error.errors.map((message) => faultOf(message, sources)) });
  }
}

const NO_AWAIT = "a recipe is synchronous: it cannot await";

/** How many faults one run reports. */
const MAX_FAULTS = 10;

const isBuildFailure = (error: unknown): error is BuildFailure =>
  error instanceof Error && "errors" in error && Array.isArray(error.errors);

function faultOf({ text, detail, location, pluginName }: Message, sources: ReadonlyMap<string, string>): ModuleFault {
  const place = location === null ? null : placeOf(location, sources);
  if (pluginName !== "" && detail !== undefined) {
    return { _tag: "ForbiddenImport", place, ...(detail as RefusedImport) };
  }
  return { _tag: "SyntaxError", place, message: text.startsWith("Top-level await") ? NO_AWAIT : text };
}

/** esbuild counts columns from 0, in bytes. */
function placeOf(
  { file, line, column, length, lineText }: NonNullable<Message["location"]>,
  sources: ReadonlyMap<string, string>,
): Place {
  const key = file.replace(`${NAMESPACE}:`, "");
  const name = parseModuleName(key);
  const source = sources.get(key) ?? "";
  const before = Buffer.from(lineText).subarray(0, column).toString().length;
  const covered = Buffer.from(lineText)
    .subarray(column, column + length)
    .toString().length;
  const shift = line === 1 && name !== undefined ? modulePrefix(name, source).length : 0;
  return {
    file: name === undefined ? file : displayModule(name),
    line,
    column: Math.max(0, before - shift) + 1,
    length: Math.max(1, covered),
    excerpt: lineText.slice(shift),
  };
}

/** The first cycle among workspace modules, as files from one back to itself. */
function findCycle({ inputs }: Metafile): string[] | undefined {
  const order = importOrder(ENTRY_MODULE, (module) =>
    (inputs[module]?.imports ?? []).map(({ path }) => path).filter((path) => path.startsWith(`${NAMESPACE}:`)),
  );
  return isLeft(order)
    ? order.left.map((module) => displayModule(parseModuleName(module.slice(NAMESPACE.length + 1)) as ModuleName))
    : undefined;
}
