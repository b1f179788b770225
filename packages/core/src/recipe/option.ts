/** Typed options of a package: what a role, or a workspace's policy, may choose. */
import type { Refused } from "./refused.ts";

export interface OptionSpec<A> {
  readonly default: A;
  readonly description: string;
  /** What is expected, as a message puts it. */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec<unknown>>>;

/** What a package without options has. */
// biome-ignore lint/complexity/noBannedTypes: meant as what it is, the type without members
export type NoOptions = {};

export type OptionValue<S> = S extends OptionSpec<infer A> ? A : never;

export type OptionValues<O> = { readonly [K in keyof O]: OptionValue<O[K]> };

/** Some of a package's options, each with a value that it takes; the reason for a package that has none. */
export type OptionChoices<O> = [keyof O] extends [never]
  ? Refused<"this package has no options">
  : { readonly [K in keyof O]?: OptionValue<O[K]> };

/** What else a list of choices must be: not widened to strings, since then nothing could be checked against it. */
type Checkable<A extends string> = [A] extends [never]
  ? Refused<"a choice needs at least one value">
  : string extends A
    ? Refused<"write the values out here, or declare their list `as const`: these may be any strings">
    : unknown;

export const option = {
  flag: (initial: boolean, description = ""): OptionSpec<boolean> => ({
    default: initial,
    description,
    expected: "true or false",
    accepts: (value) => typeof value === "boolean",
  }),
  choice: <const A extends string>(
    choices: readonly A[] & Checkable<A>,
    initial: NoInfer<A>,
    description = "",
  ): OptionSpec<A> => {
    const values: readonly unknown[] = choices;
    return {
      default: initial,
      description,
      expected: `one of ${values.join(", ")}`,
      accepts: (value) => values.includes(value),
    };
  },
  text: (initial: string, description = ""): OptionSpec<string> => ({
    default: initial,
    description,
    expected: "a string",
    accepts: (value) => typeof value === "string",
  }),
};
