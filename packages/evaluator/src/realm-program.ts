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
   * `derivations`, or only what was met on the way to them: `fetches`, where what is not pinned gets a pin that promises
   * nothing, or `options`.
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

export interface WantedFetch {
  readonly request: FetchRequest;
  /** Name of the recipe below which it was met. */
  readonly recipe: string;
}

export type RealmReport =
  | { readonly _tag: "Evaluated"; readonly roots: Evaluated["roots"]; readonly settings: WorkspaceSettings }
  | { readonly _tag: "Fetches"; readonly fetches: readonly WantedFetch[]; readonly settings: WorkspaceSettings }
  | { readonly _tag: "Options"; readonly packages: readonly PackageOptions[] }
  | { readonly _tag: "Threw"; readonly thrown: Thrown };

export interface RealmResult {
  /** `RealmReport` as JSON. */
  readonly report: string;
  /** `encodeGraph`'s bytes; null unless the report is of `Evaluated`. */
  readonly graph: Uint8Array | null;
}

/** What the bundle declares. */
export interface LoadedBundle extends LoadedRecipes {
  readonly evaluateRecipes: (loaded: LoadedRecipes, host: RealmHost) => Evaluated;
}

/** `askHost` is a function of the host's: it stays in this closure, since its constructor is the host's `Function`. */
export function realmProgram(
  askHost: (localRequest: string) => string,
  inputJson: string,
): (load: () => LoadedBundle) => RealmResult {
  const { platform, pins, wanted } = JSON.parse(inputJson) as RealmInput;
  const promisesNothing: Pin = { url: "", size: 0, algo: "sha256", digest: "0".repeat(64) };
  const local = ({ workspace, file }: LocalRequest): LocalSource => {
    // Strings whatever a recipe passes: the host must have no reason to throw an error of its own into the realm.
    const question: LocalRequest = { workspace: String(workspace), file: String(file) };
    const answer = JSON.parse(askHost(JSON.stringify(question))) as LocalAnswer;
    if ("source" in answer) return answer.source;
    throw Object.assign(new Error(answer.failure._tag), { unread: answer.failure });
  };
  const pin = (key: string): Pin | undefined =>
    Object.hasOwn(pins, key) ? pins[key] : wanted === "fetches" ? promisesNothing : undefined;
  const ignore = (): void => {};

  const fetchesOf = ({ recipes, workspace, evaluateRecipes }: LoadedBundle): WantedFetch[] => {
    const fetches: WantedFetch[] = [];
    for (const recipe of recipes) {
      const onFetch = (request: FetchRequest): void => void fetches.push({ request, recipe: recipe.name });
      evaluateRecipes({ recipes: [recipe], workspace }, { platform, pin, local, onFetch, onOptions: ignore });
    }
    return fetches;
  };

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
    const result = (report: RealmReport, graph: Uint8Array | null = null): RealmResult => ({
      report: JSON.stringify(report),
      graph,
    });
    try {
      const bundle = load();
      const packages: PackageOptions[] = [];
      const onOptions = (of: PackageOptions): void => void packages.push(of);
      const nothing = { recipes: [], workspace: bundle.workspace };
      const host: RealmHost = { platform, pin, local, onFetch: ignore, onOptions };
      if (wanted === "fetches") {
        const { settings } = bundle.evaluateRecipes(nothing, host);
        return result({ _tag: "Fetches", fetches: fetchesOf(bundle), settings });
      }
      const { roots, settings, graph } = bundle.evaluateRecipes(bundle, host);
      if (wanted === "options") return result({ _tag: "Options", packages });
      return result({ _tag: "Evaluated", roots, settings }, graph);
    } catch (error) {
      return result({ _tag: "Threw", thrown: describe(error) });
    }
  };
}
