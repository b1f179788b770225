/**
 * What may not stand in a hole, and why: said by the type checker and, where a type was cast away, by evaluation, in the
 * same words. Knows nothing of what is made of a hole.
 */
import { RecipeError } from "./failure.ts";
import type { Refused } from "./refused.ts";
import type { SECRET_IN_A_BUILD, Secret } from "./secret.ts";
import { secretRefused } from "./secret.ts";
import type { Hole, JsonHole } from "./text.ts";

const WHY = {
  nothing: "there is nothing here: where a word is to be left out, write [] instead of undefined or null",
  boolean: 'true and false are no text: write what each stands for, such as tls ? "--with-tls" : []',
  promise: "recipes are synchronous: a fetch is a package (fetchUrl, debianSource), which can stand here itself",
  function: "this is a function: call it, or write what it returns",
  other: "only strings, numbers, packages, their outputs, text and lists of these can stand here",
  json: "only strings, numbers, booleans, null, packages, their outputs, text, and lists and records of these can be JSON",
} as const;

type Why = typeof WHY;

type WhyNoHole<H> = H extends Secret
  ? typeof SECRET_IN_A_BUILD
  : H extends undefined | null
    ? Why["nothing"]
    : H extends boolean
      ? Why["boolean"]
      : H extends PromiseLike<unknown>
        ? Why["promise"]
        : H extends (...of: never) => unknown
          ? Why["function"]
          : H extends readonly (infer Item)[]
            ? WhyNoHole<Exclude<Item, Hole>>
            : Why["other"];

type IsAny<A> = 0 extends 1 & A ? true : false;

/** The type of what stands in one hole, if it may; else the reason. Only `never` keeps out `any`, of which nothing is known. */
export type AsHole<H> = IsAny<H> extends true ? never : [H] extends [Hole] ? H : Refused<WhyNoHole<Exclude<H, Hole>>>;

export type AsHoles<H extends readonly unknown[]> = { readonly [K in keyof H]: AsHole<H[K]> };

type NotJson =
  | undefined
  | symbol
  | bigint
  | PromiseLike<unknown>
  | Date
  | RegExp
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ((...of: never) => unknown);

/** The type of what can be written as JSON; each part that cannot is the reason. A record's absent properties are left out. */
export type AsJson<V> =
  IsAny<V> extends true
    ? never
    : [V] extends [JsonHole]
      ? V
      : V extends Secret
        ? Refused<typeof SECRET_IN_A_BUILD>
        : V extends PromiseLike<unknown>
          ? Refused<Why["promise"]>
          : V extends NotJson
            ? Refused<Why["json"]>
            : V extends readonly unknown[]
              ? { readonly [K in keyof V]: AsJson<V[K]> }
              : { readonly [K in keyof V]: AsJson<Exclude<V[K], undefined>> | Extract<V[K], undefined> };

/** For what came past the type checker. */
export function notAHole(value: unknown, allowed: "other" | "json" = "other"): RecipeError {
  if (typeof value === "object" && value !== null && "_tag" in value && value._tag === "Secret") return secretRefused();
  const isPromise = typeof value === "object" && value !== null && "then" in value;
  const reason =
    value === undefined || value === null
      ? WHY.nothing
      : typeof value === "boolean"
        ? WHY.boolean
        : isPromise
          ? WHY.promise
          : typeof value === "function"
            ? WHY.function
            : WHY[allowed];
  return new RecipeError({
    _tag: "BadRecipe",
    reason: `${kindOf(value)} stands where text is wanted`,
    remedy: reason,
  });
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const tag: unknown = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return tag === "Object" ? "a plain object" : `a ${tag}`;
}
