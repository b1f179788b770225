/**
 * Runs the bundle inside the realm and turns what comes of it into strings and bytes. Like `realm-purity.ts` it is sent
 * there as text and refers to nothing outside itself; types only come from elsewhere.
 */
import type {
  Evaluated,
  EvaluationFailure,
  FetchRequest,
  LocalRequest,
  LocalSource,
  Pin,
  Platform,
  RealmHost,
} from "@cab/core";
import type { EvaluatorFailure } from "./failure.ts";
import type { Impurity } from "./realm-purity.ts";

export interface RealmInput {
  readonly platform: Platform;
  readonly pins: Readonly<Record<string, Pin>>;
  /** Find all fetches instead of evaluating: what is not pinned gets a pin that promises nothing. */
  readonly collect: boolean;
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
  | { readonly _tag: "Evaluated"; readonly roots: Evaluated["roots"] }
  | { readonly _tag: "Collected"; readonly fetches: readonly WantedFetch[] }
  | { readonly _tag: "Threw"; readonly thrown: Thrown };

export interface RealmResult {
  /** `RealmReport` as JSON. */
  readonly report: string;
  /** `encodeGraph`'s bytes; null unless the report is of `Evaluated`. */
  readonly graph: Uint8Array | null;
}

/** What the bundle declares. */
export interface LoadedBundle {
  readonly recipes: readonly { readonly name: string; readonly value: unknown }[];
  readonly evaluateRecipes: (recipes: LoadedBundle["recipes"], host: RealmHost) => Evaluated;
}

/** `askHost` is a function of the host's: it stays in this closure, since its constructor is the host's `Function`. */
export function realmProgram(
  askHost: (localRequest: string) => string,
  inputJson: string,
): (load: () => LoadedBundle) => RealmResult {
  const { platform, pins, collect } = JSON.parse(inputJson) as RealmInput;
  const promisesNothing: Pin = { url: "", size: 0, algo: "sha256", digest: "0".repeat(64) };
  const local = ({ workspace, file }: LocalRequest): LocalSource => {
    // Strings whatever a recipe passes: the host must have no reason to throw an error of its own into the realm.
    const question: LocalRequest = { workspace: String(workspace), file: String(file) };
    const answer = JSON.parse(askHost(JSON.stringify(question))) as LocalAnswer;
    if ("source" in answer) return answer.source;
    throw Object.assign(new Error(answer.failure._tag), { unread: answer.failure });
  };
  const pin = (key: string): Pin | undefined =>
    Object.hasOwn(pins, key) ? pins[key] : collect ? promisesNothing : undefined;

  const collected = ({ recipes, evaluateRecipes }: LoadedBundle): WantedFetch[] => {
    const fetches: WantedFetch[] = [];
    for (const recipe of recipes) {
      const onFetch = (request: FetchRequest): void => void fetches.push({ request, recipe: recipe.name });
      evaluateRecipes([recipe], { platform, pin, local, onFetch });
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
      if (collect) return result({ _tag: "Collected", fetches: collected(bundle) });
      const { roots, graph } = bundle.evaluateRecipes(bundle.recipes, { platform, pin, local, onFetch: () => {} });
      return result({ _tag: "Evaluated", roots }, graph);
    } catch (error) {
      return result({ _tag: "Threw", thrown: describe(error) });
    }
  };
}
