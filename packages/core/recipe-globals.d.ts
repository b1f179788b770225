/**
 * What the type checker takes for granted in a recipe beside the language itself. Most of it is there to be refused:
 * what programs elsewhere reach for and a recipe has not, each with what to write instead. Evaluation refuses the same.
 */

interface ImportMeta {
  /** Names the module to `local(import.meta, …)`. */
  url: string;
}

/**
 * The type of what a recipe has not: `Instead` is the way to do without. The texts have names of their own and the types
 * none, since a message shows a type's alias instead of what it stands for.
 */
interface NotInRecipes<Instead extends string> {
  readonly [notInRecipes]: Instead;
}
declare const notInRecipes: unique symbol;

type NothingWaits =
  "recipes are synchronous: a fetch is a package (fetchUrl, debianSource), a file is local(import.meta, …)";
declare const fetch: NotInRecipes<NothingWaits>;
declare const XMLHttpRequest: NotInRecipes<NothingWaits>;
declare const WebSocket: NotInRecipes<NothingWaits>;
declare const setTimeout: NotInRecipes<NothingWaits>;
declare const setInterval: NotInRecipes<NothingWaits>;
declare const setImmediate: NotInRecipes<NothingWaits>;
declare const queueMicrotask: NotInRecipes<NothingWaits>;

type NoMachine =
  "a recipe cannot see the machine: say it in the recipe, as an option of the package, or read local(import.meta, …)";
declare const process: NotInRecipes<NoMachine>;
declare const module: NotInRecipes<NoMachine>;
declare const __dirname: NotInRecipes<NoMachine>;
declare const __filename: NotInRecipes<NoMachine>;
declare const Buffer: NotInRecipes<NoMachine>;
declare const navigator: NotInRecipes<NoMachine>;
declare const performance: NotInRecipes<NoMachine>;
declare const crypto: NotInRecipes<NoMachine>;

type PlainValues = "use plain values: what depends on memory or on other threads differs from run to run";
declare const Worker: NotInRecipes<PlainValues>;
declare const structuredClone: NotInRecipes<PlainValues>;

declare const require: NotInRecipes<"write: import … from …">;

declare const URL: NotInRecipes<"write the address as a string">;

declare const WebAssembly: NotInRecipes<"call the function itself: code is not made from text">;

declare const console: NotInRecipes<"throw new Error(…) to see a value; an evaluation prints nothing">;
