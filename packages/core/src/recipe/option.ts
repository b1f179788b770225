/** Typed options of a package: what a role, or a workspace's policy, may choose. */

export interface OptionSpec<A> {
  readonly default: A;
  readonly description: string;
  /** What is expected, as a message puts it. */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec<never> | OptionSpec<unknown>>>;

/** What a package without options has. */
export type NoOptions = Readonly<Record<never, OptionSpec<never>>>;

export type OptionValues<O> = { readonly [K in keyof O]: O[K] extends OptionSpec<infer A> ? A : never };

export const option = {
  flag: (initial: boolean, description = ""): OptionSpec<boolean> => ({
    default: initial,
    description,
    expected: "true or false",
    accepts: (value) => typeof value === "boolean",
  }),
  choice: <const A extends string>(choices: readonly A[], initial: NoInfer<A>, description = ""): OptionSpec<A> => ({
    default: initial,
    description,
    expected: `one of ${choices.join(", ")}`,
    accepts: (value) => (choices as readonly unknown[]).includes(value),
  }),
  text: (initial: string, description = ""): OptionSpec<string> => ({
    default: initial,
    description,
    expected: "a string",
    accepts: (value) => typeof value === "string",
  }),
};
