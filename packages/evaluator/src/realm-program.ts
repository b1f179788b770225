/**
 * Runs the bundle inside the realm and turns what comes of it into strings and bytes. Like `realm-purity.ts` it is sent
 * there as text and refers to nothing outside itself; types only come from elsewhere.
 */
import type {
  Evaluated,
  EvaluationFailure,
  FetchRequest,
  LoadedRecipes,
  LocalRequest,
  LocalSource,
  PackageOptions,
  Pin,
  Platform,
  RealmHost,
  WorkspaceSettings,
} from "@cab/core";
import type { EvaluatorFailure } from "./failure.ts";
import type { Impurity } from "./realm-purity.ts";

export interface RealmInput {
  readonly platform: Platform;
  readonly pins: Readonly<Record<string, Pin>>;
  /**
   * `derivations`, or only what was met on the way to them: `fetches` of each recipe, pinned or not, or `options`.
   */
  readonly wanted: "derivations" | "fetches" | "options";
}

/** What the realm's only way out answers, as JSON. */
export type LocalAnswer = { readonly source: LocalSource } | { readonly failure: EvaluatorFailure };

/** An error of a recipe, or of core on its behalf. Positions in `stack` are the bundle's. */
export interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** Stack of the place where the package was made whose derivation failed; empty if that is not known. */
  readonly madeAt: string;
  readonly impure: Impurity | null;
  /** What core's `RecipeError` carries. */
  readonly refused: EvaluationFailure | null;
  /** Why the host could not read a local file. */
  readonly unread: EvaluatorFailure | null;
}

/** One recipe with all that is fetched for it; what is not pinned counts as a pin that promises nothing. */
export interface CollectedRecipe {
  readonly name: string;
  /** A DrvHash. */
  readonly drv: string;
  readonly fetches: readonly FetchRequest[];
}

export type RealmReport =
  | {
      readonly _tag: "Evaluated";
      readonly roots: Evaluated["roots"];
      readonly settings: WorkspaceSettings;
      /** Keys of all that the lock files were asked for. */
      readonly pins: readonly string[];
    }
  | { readonly _tag: "Fetches"; readonly recipes: readonly CollectedRecipe[]; readonly settings: WorkspaceSettings }
  | { readonly _tag: "Options"; readonly packages: readonly PackageOptions[] }
  | { readonly _tag: "Threw"; readonly thrown: Thrown };

export interface RealmResult {
  /** `RealmReport` as JSON. */
  readonly report: string;
  /** `encodeGraph`'s string; null unless the report is of `Evaluated`. */
  readonly graph: string | null;
}

/** What the bundle declares. */
export interface LoadedBundle extends LoadedRecipes {
  readonly evaluateRecipes: (loaded: LoadedRecipes, host: RealmHost) => Evaluated;
}

/** Functions of the host's: they stay in the program's closure, since their constructor is the host's `Function`. */
export interface ProgramHost {
  /** A `LocalRequest` as JSON in, a `LocalAnswer` as JSON out. */
  readonly ask: (localRequest: string) => string;
  /** As core's `sha256Hex` does, in a third of its time. */
  readonly hashText: (text: string) => string;
}

export function realmProgram(outside: ProgramHost, inputJson: string): (load: () => LoadedBundle) => RealmResult {
  const { ask, hashText: hashOutside } = outside;
  const { platform, pins, wanted } = JSON.parse(inputJson) as RealmInput;
  const local = ({ workspace, file }: LocalRequest): LocalSource => {
    // Strings whatever a recipe passes: the host must have no reason to throw an error of its own into the realm.
    const question: LocalRequest = { workspace: String(workspace), file: String(file) };
    const answer = JSON.parse(ask(JSON.stringify(question))) as LocalAnswer;
    if ("source" in answer) return answer.source;
    throw Object.assign(new Error(answer.failure._tag), { unread: answer.failure });
  };
  const used = new Set<string>();
  const pin = (key: string): Pin | undefined => {
    used.add(key);
    return Object.hasOwn(pins, key) ? pins[key] : undefined;
  };
  const hashText = (text: string): string => hashOutside(text);
  const ignore = (): void => {};

  const collected = ({ recipes, workspace, evaluateRecipes }: LoadedBundle, host: RealmHost): CollectedRecipe[] =>
    recipes.map((recipe) => {
      const fetches: FetchRequest[] = [];
      const onFetch = (request: FetchRequest): void => void fetches.push(request);
      const { roots } = evaluateRecipes({ recipes: [recipe], workspace }, { ...host, onFetch });
      return { name: recipe.name, drv: roots[0]?.drv as string, fetches };
    });

  const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
  const describe = (error: unknown): Thrown => {
    const { name, message, stack, madeAt, impure, failure, unread } = Object(error) as Record<string, unknown>;
    const isError = error instanceof Error;
    return {
      name: isError ? textOf(name) : "",
      message: isError ? textOf(message) : String(error),
      stack: textOf(stack),
      madeAt: madeAt instanceof Error ? textOf(madeAt.stack) : "",
      impure: (impure ?? null) as Impurity | null,
      refused: (name === "RecipeError" ? failure : null) as EvaluationFailure | null,
      unread: (unread ?? null) as EvaluatorFailure | null,
    };
  };

  return (load) => {
    const result = (report: RealmReport, graph: string | null = null): RealmResult => ({
      report: JSON.stringify(report),
      graph,
    });
    try {
      const bundle = load();
      const packages: PackageOptions[] = [];
      const onOptions = (of: PackageOptions): void => void packages.push(of);
      const nothing = { recipes: [], workspace: bundle.workspace };
      const collect = wanted === "fetches";
      const host: RealmHost = { platform, pin, collect, local, hashText, onFetch: ignore, onOptions };
      if (collect) {
        const { settings } = bundle.evaluateRecipes(nothing, host);
        return result({ _tag: "Fetches", recipes: collected(bundle, host), settings });
      }
      const { roots, settings, graph } = bundle.evaluateRecipes(bundle, host);
      if (wanted === "options") return result({ _tag: "Options", packages });
      return result({ _tag: "Evaluated", roots, settings, pins: [...used] }, graph);
    } catch (error) {
      return result({ _tag: "Threw", thrown: describe(error) });
    }
  };
}
