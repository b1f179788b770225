/**
 * Parameters of a role: what differs from one instance to the next and is known on its host alone, so that a thousand
 * hosts are one role. Nothing that is built or hashed sees a value; text that names one is completed at activation.
 */
import { RecipeError } from "./failure.ts";
import { type Hole, type Text, text, toText } from "./text.ts";

export type ParamKind = "string" | "integer" | "port" | "file";

export interface ParamSpec<Optional extends boolean = boolean> {
  readonly kind: ParamKind;
  readonly description: string;
  /** As the administrator would write it; null if there is none. */
  readonly default: string | null;
  /** Whether it may be left out altogether; `when` says what then. */
  readonly optional: Optional;
  readonly min: number | null;
  readonly max: number | null;
  /** An extended regular expression that the whole value matches. */
  readonly pattern: string | null;
}

export type ParamSpecs = Readonly<Record<string, ParamSpec>>;

/** What a role without parameters has. */
// biome-ignore lint/complexity/noBannedTypes: meant as what it is, the type without members
export type NoParams = {};

/** A parameter that may have no value, so that it cannot stand in text by itself. */
export interface OptionalParam {
  readonly _tag: "OptionalParam";
  readonly name: string;
}

/** Where the values of a role's parameters will stand. */
export type ParamTexts<M> = {
  readonly [K in keyof M]: M[K] extends ParamSpec<false> ? Text : OptionalParam;
};

interface Described {
  readonly description?: string;
}

interface Integer extends Described {
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

const spec = <Optional extends boolean>(
  kind: ParamKind,
  optional: Optional,
  of: Described & {
    readonly default?: string | number;
    readonly min?: number;
    readonly max?: number;
    readonly pattern?: string;
  },
): ParamSpec<Optional> => ({
  kind,
  description: of.description ?? "",
  default: of.default === undefined ? null : String(of.default),
  optional,
  min: of.min ?? null,
  max: of.max ?? null,
  pattern: of.pattern ?? null,
});

const HIGHEST_PORT = 65_535;

export const param = {
  /** One line, without control characters, quotes and backslashes. */
  string: (of: Described & { readonly default?: string; readonly pattern?: string } = {}): ParamSpec<false> =>
    spec("string", false, of),
  integer: (of: Integer = {}): ParamSpec<false> => spec("integer", false, of),
  /** Two parameters of this kind never have one value. */
  port: (of: Described & { readonly default?: number } = {}): ParamSpec<false> =>
    spec("port", false, { min: 1, max: HIGHEST_PORT, ...of }),
  /** The absolute path of a file that can be read when the role is activated. */
  file: (of: Described = {}): ParamSpec<false> => spec("file", false, of),
  /** The same, where it may be left out. */
  optional: {
    string: (of: Described & { readonly pattern?: string } = {}): ParamSpec<true> => spec("string", true, of),
    integer: (of: Omit<Integer, "default"> = {}): ParamSpec<true> => spec("integer", true, of),
    file: (of: Described = {}): ParamSpec<true> => spec("file", true, of),
  },
} as const;

const PARAM_NAME = /^[a-z][a-zA-Z0-9]*$/;

const token = (kind: "param" | "when" | "end", name: string): string => `@${kind}:${name}@`;

/** What stands for a parameter until a host knows its value. */
export const PARAM_TOKEN = /@(param|when|end):([a-z][a-zA-Z0-9]*)@/;

/** For builders of roles: where each parameter's value will stand. */
export function paramTexts<M extends ParamSpecs>(specs: M): ParamTexts<M> {
  const texts = Object.entries(specs).map(([name, { optional }]) => {
    if (!PARAM_NAME.test(name)) {
      throw new RecipeError({
        _tag: "BadRecipe",
        reason: `${JSON.stringify(name)} cannot name a parameter`,
        remedy: "use letters and digits, beginning with a lower-case letter, such as serverId",
      });
    }
    return [name, optional ? Object.freeze({ _tag: "OptionalParam", name }) : text(token("param", name))];
  });
  return Object.fromEntries(texts) as ParamTexts<M>;
}

/** Text of a file that is there only if the parameter has a value; `then` is given where that stands. */
export const when = (of: OptionalParam, then: (value: Text) => Hole): Text =>
  text(token("when", of.name), ...toText(then(text(token("param", of.name)))).parts, token("end", of.name));
