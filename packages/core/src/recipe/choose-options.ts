/** Which values a package's options have: a recipe's choice before the workspace's policy before the default. */
import { RecipeError } from "./failure.ts";
import type { OptionSpecs, OptionValues } from "./option.ts";

/** One option of a package, as it was chosen. */
export interface ChosenOption {
  readonly name: string;
  readonly description: string;
  /** What it takes, as a message puts it. */
  readonly expected: string;
  readonly default: unknown;
  readonly value: unknown;
  /** Who decided: the package's own default, the workspace's policy, or a recipe's `with`. */
  readonly from: "default" | "policy" | "recipe";
}

/** The options of one package. */
export interface PackageOptions {
  readonly package: string;
  readonly options: readonly ChosenOption[];
}

interface Optional<O extends OptionSpecs> {
  readonly name: string;
  readonly options?: O;
  readonly conflicts?: (chosen: { readonly options: OptionValues<O> }) => readonly (string | false)[];
}

interface Choices {
  readonly policy: Readonly<Record<string, unknown>>;
  readonly recipe: Readonly<Record<string, unknown>>;
}

const NONE: readonly ChosenOption[] = [];

/** In the order in which the package states its options. Throws `BadRecipe` for what does not exist or contradicts. */
export function chooseOptions<O extends OptionSpecs>(spec: Optional<O>, choices: Choices): readonly ChosenOption[] {
  const { policy, recipe } = choices;
  const specs: OptionSpecs = spec.options ?? {};
  for (const [by, values] of [
    ["", recipe],
    ["by the workspace's policy ", policy],
  ] as const) {
    for (const [name, value] of Object.entries(values)) requireAccepted(spec.name, specs, { name, value, by });
  }
  const names = Object.keys(specs);
  if (names.length === 0) return NONE;
  const chosen = names.map((name): ChosenOption => {
    const { description, expected, default: initial } = specs[name] as OptionSpecs[string];
    const of = { name, description, expected, default: initial };
    if (Object.hasOwn(recipe, name)) return { ...of, value: recipe[name], from: "recipe" };
    if (Object.hasOwn(policy, name)) return { ...of, value: policy[name], from: "policy" };
    return { ...of, value: initial, from: "default" };
  });
  requireAgreement(spec, chosen);
  return chosen;
}

interface Given {
  readonly name: string;
  readonly value: unknown;
  readonly by: string;
}

function requireAccepted(packageName: string, specs: OptionSpecs, { name, value, by }: Given): void {
  const option = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (option?.accepts(value)) return;
  const names = Object.keys(specs);
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `${packageName} was given ${by}the option ${name} = ${JSON.stringify(value)}`,
    remedy: option
      ? `give ${option.expected}`
      : `${packageName} has ${names.length > 0 ? `these options: ${names.join(", ")}` : "no options"}`,
  });
}

function requireAgreement<O extends OptionSpecs>(spec: Optional<O>, chosen: readonly ChosenOption[]): void {
  const options = Object.fromEntries(chosen.map(({ name, value }) => [name, value])) as OptionValues<O>;
  const conflict = (spec.conflicts?.({ options }) ?? []).find((sentence) => sentence !== false);
  if (conflict === undefined) return;
  const values = chosen.map(({ name, value, from }) => `${name} = ${JSON.stringify(value)} (${from})`);
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `the options of ${spec.name} contradict one another: ${conflict}`,
    remedy: `choose otherwise among ${values.join(", ")}`,
  });
}
