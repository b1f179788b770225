/** Reads values out of JSON that somebody else wrote. Knows shapes, and says at which place one is wrong; no meaning. */
import { type Either, left, right } from "fp-ts/lib/Either.js";

/** Throws a `Mismatch` where the value is not of its shape. */
export type Decoder<A> = (value: unknown, at: string) => A;

class Mismatch extends Error {
  override readonly name = "Mismatch";
}

export function mismatch(at: string, expected: string): never {
  throw new Mismatch(`${at === "" ? "the whole" : at}: expected ${expected}`);
}

export function decodeJson<A>(text: string, decoder: Decoder<A>): Either<string, A> {
  try {
    return right(decoder(JSON.parse(text), ""));
  } catch (error) {
    if (error instanceof SyntaxError) return left(`no JSON: ${error.message}`);
    if (error instanceof Mismatch) return left(error.message);
    throw error;
  }
}

export const text: Decoder<string> = (value, at) => (typeof value === "string" ? value : mismatch(at, "a text"));

export const matching =
  (pattern: RegExp, expected: string): Decoder<string> =>
  (value, at) => {
    const found = text(value, at);
    return pattern.test(found) ? found : mismatch(at, expected);
  };

export const integer: Decoder<number> = (value, at) =>
  Number.isSafeInteger(value) ? (value as number) : mismatch(at, "an integer");

export const flag: Decoder<boolean> = (value, at) =>
  typeof value === "boolean" ? value : mismatch(at, "true or false");

export const oneOf =
  <const A extends string | number>(...values: readonly A[]): Decoder<A> =>
  (value, at) =>
    values.find((each) => each === value) ?? mismatch(at, `one of ${values.join(", ")}`);

export const orNull =
  <A>(of: Decoder<A>): Decoder<A | null> =>
  (value, at) =>
    value === null ? null : of(value, at);

/** For what an object need not have. */
export const orMissing =
  <A>(of: Decoder<A>, missing: A): Decoder<A> =>
  (value, at) =>
    value === undefined ? missing : of(value, at);

export const list =
  <A>(of: Decoder<A>): Decoder<readonly A[]> =>
  (value, at) =>
    Array.isArray(value) ? value.map((each, i) => of(each, `${at}[${i}]`)) : mismatch(at, "a list");

const entries = (value: unknown, at: string): [string, unknown][] =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value)
    : mismatch(at, "an object");

const below = (at: string, key: string): string => (at === "" ? key : `${at}.${key}`);

/** An object whose keys are names; a Map, so that no name means anything to JavaScript. */
export const byName =
  <A>(name: Decoder<string>, of: Decoder<A>): Decoder<ReadonlyMap<string, A>> =>
  (value, at) =>
    new Map(entries(value, at).map(([key, each]) => [name(key, below(at, key)), of(each, below(at, key))]));

/** An object with these keys; others are passed over, so that a later version may add some. */
export const shape =
  <A extends object>(fields: { readonly [K in keyof A]: Decoder<A[K]> }): Decoder<A> =>
  (value, at) => {
    const found = new Map(entries(value, at));
    const decoded = Object.entries<Decoder<unknown>>(fields).map(([key, of]) => [
      key,
      of(found.get(key), below(at, key)),
    ]);
    return Object.fromEntries(decoded) as A;
  };
