/**
 * A file of parameters as an administrator writes it: `name = value` on a line. Knows how lines are read; which names
 * and values a role takes is for its `activate check` to say.
 */
import { type Either, left, right } from "fp-ts/lib/Either.js";

export interface ParamsFault {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what no value may have
const FORBIDDEN = /[\u0000-\u001f\u007f"'\\]/;

export function parseParams(text: string): Either<ParamsFault, ReadonlyMap<string, string>> {
  const params = new Map<string, string>();
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] as string).trim();
    if (line === "" || line.startsWith("#")) continue;
    const fault = (reason: string): Either<ParamsFault, never> => left({ line: i + 1, reason });
    const equals = line.indexOf("=");
    if (equals === -1) return fault("there is no = in it");
    const name = line.slice(0, equals).trim();
    const value = line.slice(equals + 1).trim();
    if (name === "") return fault("nothing stands before its =");
    if (params.has(name)) return fault(`${name} has a value above already`);
    if (FORBIDDEN.test(value)) return fault("values have no control characters, quotes or backslashes");
    params.set(name, value);
  }
  return right(params);
}
