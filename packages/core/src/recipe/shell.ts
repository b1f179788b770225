/**
 * `sh` and `argv`: tagged templates for scripts and argument vectors. Both are raw: a backslash means what it means to
 * the shell, and only `` \` `` and `\${` are unescaped. What stands in a hole is quoted, and recorded as a dependency.
 */
import { type EvaluationFailure, RecipeError } from "./failure.ts";
import { type Hole, type OutputRef, partsOf, type Text, text } from "./text.ts";

/** Text that `sh` takes as shell code instead of quoting it: the visible exception. */
export const raw = (code: string): Text => text(code);

/** Quotes for a POSIX shell; words of harmless characters stay as they are. */
export const shellQuote = (word: string): string =>
  /^[A-Za-z0-9_\-+=:,./@%]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

const unescapeLiteral = (literal: string): string => literal.replace(/\\(`|\$\{)/g, "$1");

/** A shell script. A hole must stand outside quotes, since it brings its own. */
export function sh(literals: TemplateStringsArray, ...holes: readonly Hole[]): Text {
  const parts: (string | OutputRef)[] = [];
  let state: QuoteState = "bare";
  literals.raw.forEach((literal, i) => {
    const code = unescapeLiteral(literal);
    parts.push(code);
    state = quoteStateAfter(code, state);
    const hole = holes[i];
    if (i >= holes.length) return;
    if (hole === undefined) throw new RecipeError(badHole("undefined in a hole of sh`…`"));
    if (state !== "bare") throw new RecipeError(badHole(`a hole of sh\`…\` stands inside ${state} quotes`));
    parts.push(...partsOf(hole, " ", shellQuote));
  });
  return text(...parts);
}

/** An argument vector: words split at white space; a hole is part of the word that it touches, a list alone is several. */
export function argv(literals: TemplateStringsArray, ...holes: readonly Hole[]): Text[] {
  const words: (string | OutputRef)[][] = [];
  let open = false;
  literals.raw.forEach((literal, i) => {
    const pieces = unescapeLiteral(literal).split(/\s+/);
    pieces.forEach((piece, k) => {
      if (k > 0) open = false;
      if (piece === "") return;
      if (open) words.at(-1)?.push(piece);
      else words.push([piece]);
      open = true;
    });
    const hole = holes[i];
    if (i >= holes.length) return;
    if (hole === undefined) throw new RecipeError(badHole("undefined in a hole of argv`…`"));
    const alone = !open && /^(\s|$)/.test(literals.raw[i + 1] ?? "");
    if (alone && Array.isArray(hole)) {
      for (const item of hole as readonly Hole[]) words.push(partsOf(item, " ", (plain) => plain));
      return;
    }
    const parts = partsOf(hole, " ", (plain) => plain);
    if (open) words.at(-1)?.push(...parts);
    else words.push(parts);
    open = true;
  });
  return words.map((word) => text(...word));
}

const badHole = (reason: string): EvaluationFailure => ({
  _tag: "BadRecipe",
  reason,
  remedy: "move it outside the quotes: what stands in a hole is quoted already; raw(…) inserts code as it is",
});

type QuoteState = "bare" | "single" | "double";

function quoteStateAfter(code: string, before: QuoteState): QuoteState {
  let state = before;
  for (let i = 0; i < code.length; i++) {
    const c = code[i];
    if (state === "single") {
      if (c === "'") state = "bare";
    } else if (c === "\\") {
      i++;
    } else if (state === "double") {
      if (c === '"') state = "bare";
    } else if (c === "'") {
      state = "single";
    } else if (c === '"') {
      state = "double";
    } else if (c === "#" && (i === 0 || /\s/.test(code[i - 1] as string))) {
      const end = code.indexOf("\n", i);
      i = end === -1 ? code.length : end;
    }
  }
  return state;
}
