import { describe, expect, expectTypeOf, test } from "vitest";
import { type EvaluationFailure, RecipeError } from "./failure.ts";
import { secret } from "./secret.ts";
import { argv, sh } from "./shell.ts";
import { fetchUrl } from "./source.ts";
import { concat, type Hole, json, text } from "./text.ts";

function failureOf(step: () => unknown): EvaluationFailure {
  try {
    step();
  } catch (error) {
    if (error instanceof RecipeError) return error.failure;
    throw error;
  }
  throw new Error("expected a failure");
}

/** What got past the type checker. */
const cast = (value: unknown): Hole => value as Hole;

const SECRET = {
  _tag: "BadRecipe",
  reason:
    "a secret is known on the host alone, when a role is activated: no build may see it, nor anything that is hashed",
  remedy: "have the role hand it to the service that needs it",
};

describe("what is no text", () => {
  test.each<[unknown, string, RegExp]>([
    [undefined, "undefined", /write \[\] instead/],
    [null, "null", /write \[\] instead/],
    [true, "true", /what each stands for/],
    [Promise.resolve(), "a Promise", /synchronous/],
    [() => "x", "a function", /call it/],
    [Symbol("x"), "a symbol", /only strings/],
    [1n, "a bigint", /only strings/],
    [new Date(0), "a Date", /only strings/],
    [{ a: 1 }, "a plain object", /only strings/],
    [["x", [undefined]], "undefined", /write \[\] instead/],
  ])("%p is refused wherever it is cast in", (value, kind, remedy) => {
    const failure = {
      _tag: "BadRecipe",
      reason: `${kind} stands where text is wanted`,
      remedy: expect.stringMatching(remedy),
    };
    expect(failureOf(() => sh`echo ${cast(value)}`)).toEqual(failure);
    expect(failureOf(() => argv`echo ${cast(value)}`)).toEqual(failure);
    expect(failureOf(() => concat("x", cast(value)))).toEqual(failure);
  });

  test.each<[unknown, string]>([
    [new Date(0), "a Date"],
    [new Map(), "a Map"],
    [() => 1, "a function"],
    [undefined, "undefined"],
  ])("%p is no JSON", (value, kind) => {
    const reason = `${kind} stands where text is wanted`;
    expect(failureOf(() => json({ list: [value as string] }))).toMatchObject({ reason });
    // An absent property is left out instead.
    if (value !== undefined) expect(failureOf(() => json({ a: value as string }))).toMatchObject({ reason });
  });
});

describe("a secret", () => {
  const password = secret("ldap-root-password");

  test("is a name, and frozen", () => {
    expect({ ...password }).toMatchObject({ _tag: "Secret", name: "ldap-root-password" });
    expect(Object.isFrozen(password)).toBe(true);
  });

  test.each(["", "Root", "a b", "-a", "a/b"])("cannot be called %j", (name) => {
    expect(failureOf(() => secret(name))).toMatchObject({ reason: `${JSON.stringify(name)} cannot name a secret` });
  });

  test("enters no script, argument, environment or JSON", () => {
    expectTypeOf(password).not.toExtend<Hole>();
    expect(failureOf(() => sh`echo ${cast(password)}`)).toEqual(SECRET);
    expect(failureOf(() => argv`echo ${cast([password])}`)).toEqual(SECRET);
    expect(failureOf(() => concat(cast(password)))).toEqual(SECRET);
    expect(failureOf(() => json({ a: cast(password) as string }))).toEqual(SECRET);
  });

  test("enters no string that a recipe makes by itself", () => {
    expect(failureOf(() => `--password=${password}`)).toEqual(SECRET);
    expect(failureOf(() => `${password}`)).toEqual(SECRET);
    expect(failureOf(() => JSON.stringify({ password }))).toEqual(SECRET);
  });
});

test("what can be JSON keeps its type, and what cannot is refused where it stands", () => {
  const source = fetchUrl("https://example.org/x");
  interface Named {
    readonly name: string;
    readonly of?: readonly number[];
  }
  const named: Named = { name: "x" };
  const { parts } = json({ a: [1, null, true], b: { c: source, d: undefined }, named });
  expect(parts.map((part) => (typeof part === "string" ? part : "SOURCE")).join("")).toBe(
    '{"a":[1,null,true],"b":{"c":"SOURCE"},"named":{"name":"x"}}',
  );
  const wrong = () => {
    // @ts-expect-error a date
    json({ at: new Date(0) });
    // @ts-expect-error nothing
    json([undefined]);
    // @ts-expect-error a secret, further in
    json({ a: [{ b: secret("x") }] });
    // @ts-expect-error nothing is known of it
    json(JSON.parse("1"));
    // @ts-expect-error nothing is known of it
    concat(JSON.parse("1"));
    // @ts-expect-error one of the two is no text
    concat(text("x"), Math.max(1, 2) > 1);
  };
  expectTypeOf(wrong).returns.toBeVoid();
});
