/** What can be wrong with recipes, as data. Thrown inside the evaluator's realm, where it is caught and located. */

export type EvaluationFailure =
  | { readonly _tag: "BadRecipe"; readonly reason: string; readonly remedy: string }
  /** Names from the first package back to itself. */
  | { readonly _tag: "DependencyCycle"; readonly cycle: readonly string[] }
  | { readonly _tag: "NotLocked"; readonly key: string }
  | { readonly _tag: "UnsupportedPlatform"; readonly platform: string; readonly supported: readonly string[] };

/** The carrier: its stack says where in the recipe the mistake is. */
export class RecipeError extends Error {
  override readonly name = "RecipeError";
  readonly failure: EvaluationFailure;

  constructor(failure: EvaluationFailure) {
    super(failure._tag);
    this.failure = failure;
  }
}
