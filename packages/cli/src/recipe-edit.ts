/**
 * Changes a recipe's text where it says which version it builds. Text in, text out: what the change means is for an
 * evaluation to say. Knows nothing of TypeScript but its comments and strings.
 */
import { type Either, left, right } from "fp-ts/lib/Either.js";

/** A string that stands behind `version:`. */
export interface VersionLiteral {
  readonly version: string;
  /** Counted from 1. */
  readonly line: number;
  /** Of what is between the quotes. */
  readonly start: number;
  readonly end: number;
}

/** Lines that could be meant: none, or more than one. */
export interface NotOne {
  readonly lines: readonly number[];
}

export function versionLiteral(text: string): Either<NotOne, VersionLiteral> {
  const found = matches(text, /\bversion\s*:\s*(?<quote>["'`])(?<value>[^"'`\\\n$]*)\k<quote>/g);
  const literals = found.map(({ index, match }) => {
    const version = match.groups?.value as string;
    const end = index + match[0].length - 1;
    return { version, line: lineOf(text, end), start: end - version.length, end };
  });
  const [only, ...others] = literals;
  return only === undefined || others.length > 0 ? left({ lines: literals.map(({ line }) => line) }) : right(only);
}

export const withVersion = (text: string, { start, end }: VersionLiteral, version: string): string =>
  text.slice(0, start) + version + text.slice(end);

/** Makes the one `debianSource` of a recipe name this suite. */
export function withSuite(text: string, suite: string): Either<NotOne, string> {
  const named = matches(text, /\bsuite\s*:\s*(["'`])[^"'`\\\n$]*\1/g);
  const calls = matches(text, /\bdebianSource\(\{\s*/g);
  const [place, ...others] = named.length > 0 ? named : calls;
  if (place === undefined || others.length > 0 || calls.length !== 1) {
    return left({ lines: calls.map(({ index }) => lineOf(text, index)) });
  }
  const { index, match } = place;
  const end = index + match[0].length;
  const entry = `suite: ${JSON.stringify(suite)}`;
  return right(
    named.length > 0
      ? text.slice(0, index) + entry + text.slice(end)
      : `${text.slice(0, end)}${entry}, ${text.slice(end)}`,
  );
}

/** Matches that begin in code: neither in a comment nor in a string. */
function matches(text: string, pattern: RegExp): { readonly index: number; readonly match: RegExpMatchArray }[] {
  const hidden = [
    ...text.matchAll(/\/\*[\s\S]*?\*\/|\/\/.*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g),
  ].map(({ 0: { length }, index }) => [index, index + length] as const);
  return [...text.matchAll(pattern)]
    .map((match) => ({ index: match.index, match }))
    .filter(({ index }) => !hidden.some(([from, to]) => index >= from && index < to));
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;
