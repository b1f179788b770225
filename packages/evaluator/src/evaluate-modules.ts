/**
 * The quick way to evaluate recipes: every module by itself, as it was remembered, linked by V8. Either all is well, or
 * nothing is said: then the recipes are bundled and run again, which explains what is wrong with file, line and excerpt.
 */
import { isLeft } from "fp-ts/lib/Either.js";
import { importOrder } from "./import-order.ts";
import type { ModuleTexts } from "./module-texts.ts";
import {
  type Entry,
  entryImport,
  entryModule,
  isModuleFile,
  type ModuleName,
  moduleName,
  namedFile,
  ownModule,
  parseModuleName,
} from "./modules.ts";
import type { RealmOptions } from "./realm.ts";
import { type ModuleRealm, type ModulesOutcome, openModuleRealm } from "./realm-modules.ts";
import type { Workspaces } from "./workspace.ts";

interface Linkable extends Entry {
  readonly workspaces: Workspaces;
}

/** Their names among the modules; those of workspaces start with a workspace's. */
const ENTRY = "entry";
const CORE = "@cab/core";

/** `Failed` too where V8 and the bundler may see something differently. */
export async function evaluateModules(
  recipes: Linkable,
  options: Omit<RealmOptions, "code">,
  texts: ModuleTexts,
): Promise<ModulesOutcome> {
  const realm = openModuleRealm(options);
  const order = await linked(recipes, texts, realm);
  if (order === undefined) return { _tag: "Failed" };
  const outcome = await realm.run(order);
  // Only what was found to be well: a recipe may be refused for a password that stands in it.
  if (outcome._tag === "Ended") await texts.keep();
  return outcome;
}

/** Compiles and links all that the recipes need; the order to run it in, or undefined where that is not plain. */
async function linked(
  recipes: Linkable,
  texts: ModuleTexts,
  realm: ModuleRealm,
): Promise<readonly string[] | undefined> {
  const resolve = resolver(recipes);
  const imports = new Map<string, readonly string[]>();
  const pending = [ENTRY];
  for (let i = 0; i < pending.length; i++) {
    const name = pending[i] as string;
    if (imports.has(name)) continue;
    const own = parseModuleName(name);
    const text = name === ENTRY ? entryModule(recipes) : own ? await texts.module(own) : await texts.core();
    if (text === undefined) return undefined;
    const specifiers = realm.define(name, text);
    if (specifiers === undefined) return undefined;
    const targets: string[] = [];
    for (const specifier of specifiers) {
      const target = resolve(own, specifier);
      if (target === undefined) return undefined;
      targets.push(target);
    }
    imports.set(name, targets);
    pending.push(...targets);
  }
  for (const [name, targets] of imports) realm.link(name, targets);
  const order = importOrder(ENTRY, (name) => imports.get(name) as readonly string[]);
  return isLeft(order) ? undefined : order.right;
}

/** The module that a specifier means, from what the specifier says alone: whether it is there shows when it is read. */
function resolver(recipes: Linkable) {
  const { workspaces } = recipes;
  const known = new Map<string, string | undefined>();
  return (importer: ModuleName | undefined, specifier: string): string | undefined => {
    if (specifier === CORE) return CORE;
    if (importer === undefined) return moduleName(entryImport(recipes, specifier));
    // Thousands of imports name the same few hundred modules from the same few folders.
    const folder = importer.path.slice(0, importer.path.lastIndexOf("/") + 1);
    const key = `${importer.id}/${folder} ${specifier}`;
    if (known.has(key)) return known.get(key);
    const file = namedFile(workspaces, importer, specifier);
    const name = file !== undefined && isModuleFile(file) ? ownModule(workspaces, file) : undefined;
    const target = name && moduleName(name);
    known.set(key, target);
    return target;
  };
}
