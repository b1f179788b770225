/**
 * `sh`, `argv` and `content`: tagged templates for scripts, argument vectors and files. All are raw: a backslash is a
 * backslash, and only `` \` `` and `\${` are unescaped. What stands in a hole is recorded as a dependency, and in a script quoted.
 */
import { type EvaluationFailure, RecipeError } from "./failure.ts";
import type { AsHoles } from "./hole.ts";
import { quotingAfter, UNQUOTED } from "./quoting.ts";
import { type Hole, type OutputRef, partsOf, type Text, text } from "./text.ts";

/** Text that `sh` takes as shell code instead of quoting it: the visible exception. */
export const raw = (code: string): Text => shellCode(code);

const shellCode = (...parts: readonly (string | OutputRef)[]): Text => ({ ...text(...parts), isCode: true });

/** Quotes for a POSIX shell; words of harmless characters stay as they are. */
export const shellQuote = (word: string): string =>
  /^[A-Za-z0-9_\-+=:,./@%]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

const unescapeLiteral = (literal: string): string => literal.replace(/\\(`|\$\{)/g, "$1");

/** A shell script. A hole must stand outside quotes, since it brings its own. */
export const sh = <H extends readonly unknown[]>(literals: TemplateStringsArray, ...holes: AsHoles<H>): Text =>
  script(literals, holes as readonly Hole[]);

function script(literals: TemplateStringsArray, holes: readonly Hole[]): Text {
  const parts: (string | OutputRef)[] = [];
  let quoting = UNQUOTED;
  literals.raw.forEach((literal, i) => {
    const code = unescapeLiteral(literal);
    parts.push(code);
    quoting = quotingAfter(code, quoting);
    if (i >= holes.length) return;
    if (quoting.inside !== null) throw new RecipeError(badHole(`a hole of sh\`…\` stands inside ${quoting.inside}`));
    parts.push(...partsOf(holes[i] as Hole, " ", shellQuote));
  });
  return shellCode(...parts);
}

/** An argument vector: words split at white space; a hole is part of the word that it touches, a list alone is several. */
export const argv = <H extends readonly unknown[]>(literals: TemplateStringsArray, ...holes: AsHoles<H>): Text[] =>
  words(literals, holes as readonly Hole[]);

function words(literals: TemplateStringsArray, holes: readonly Hole[]): Text[] {
  const split: (string | OutputRef)[][] = [];
  let open = false;
  literals.raw.forEach((literal, i) => {
    const pieces = unescapeLiteral(literal).split(/\s+/);
    pieces.forEach((piece, k) => {
      if (k > 0) open = false;
      if (piece === "") return;
      if (open) split.at(-1)?.push(piece);
      else split.push([piece]);
      open = true;
    });
    if (i >= holes.length) return;
    const hole = holes[i] as Hole;
    const behind = literals.raw[i + 1] as string;
    const alone = !open && (behind === "" ? i === holes.length - 1 : /^\s/.test(behind));
    if (alone && Array.isArray(hole)) {
      for (const item of hole as readonly Hole[]) split.push(partsOf(item, " ", (plain) => plain));
      return;
    }
    const parts = partsOf(hole, " ", (plain) => plain);
    if (open) split.at(-1)?.push(...parts);
    else split.push(parts);
    open = true;
  });
  return split.map((word) => text(...word));
}

/** The text of a file: raw as well, and a hole stands in it as it is, a list's items separated by a space. */
export const content = <H extends readonly unknown[]>(literals: TemplateStringsArray, ...holes: AsHoles<H>): Text =>
  fileText(literals, holes as readonly Hole[]);

const fileText = (literals: TemplateStringsArray, holes: readonly Hole[]): Text =>
  text(
    ...literals.raw.flatMap((literal, i) => [
      unescapeLiteral(literal),
      ...(i < holes.length ? partsOf(holes[i] as Hole, " ", (plain) => plain) : []),
    ]),
  );

const badHole = (reason: string): EvaluationFailure => ({
  _tag: "BadRecipe",
  reason,
  remedy: "move it outside: what stands in a hole is quoted already; raw(…) inserts code as it is, anywhere outside",
});
