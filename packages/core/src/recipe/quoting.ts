/**
 * Follows quotes, comments and here-documents through the literals of a shell script, to say where a hole may not stand.
 * No parser of the shell: where the two could differ (a `case` pattern within `$(…)`, back quotes) it may refuse a hole
 * that would have been right.
 */

export interface Quoting {
  /** What a hole would stand in here, as a message names it; null where it may stand. */
  readonly inside: string | null;
  /** Quotes and parentheses that are open, the innermost last. */
  readonly open: readonly Open[];
  /** Ends the here-document that begins at the next line. */
  readonly delimiter: string | null;
  /** Whether a `#` here would begin a comment. */
  readonly atWordStart: boolean;
}

type Open = "(" | "single quotes" | "double quotes" | "a comment" | "a here-document";

export const UNQUOTED: Quoting = { inside: null, open: [], delimiter: null, atWordStart: true };

const HERE_DOCUMENT = /<<-?[ \t]*\\?(['"]?)(\w+)\1/y;

/** The state behind `code`; a hole follows. */
export function quotingAfter(code: string, before: Quoting): Quoting {
  const open = [...before.open];
  let { delimiter } = before;
  const startsWord = (i: number): boolean => (i === 0 ? before.atWordStart : /[\s;&|()]/.test(code[i - 1] as string));
  for (let i = 0; i < code.length; i++) {
    const c = code[i];
    const top = open.at(-1);
    if (top === "single quotes") {
      if (c === "'") open.pop();
      continue;
    }
    if (top === "a comment") {
      if (c !== "\n") continue;
      open.pop();
    }
    if (c === "\\") {
      i++;
    } else if (c === "$" && code[i + 1] === "(") {
      open.push("(");
      i++;
    } else if (c === '"') {
      if (top === "double quotes") open.pop();
      else open.push("double quotes");
    } else if (top === "double quotes") {
      // Everything else is text.
    } else if (c === "'") {
      open.push("single quotes");
    } else if (c === "(") {
      open.push("(");
    } else if (c === ")") {
      if (top === "(") open.pop();
    } else if (c === "#" && startsWord(i)) {
      open.push("a comment");
    } else if (c === "<") {
      HERE_DOCUMENT.lastIndex = i;
      const found = HERE_DOCUMENT.exec(code);
      delimiter = found?.[2] ?? delimiter;
      i += found === null ? 0 : found[0].length - 1;
    } else if (c === "\n" && delimiter !== null) {
      const rest = code.slice(i);
      const end = new RegExp(`\\n\\t*${delimiter}(?=\\n|$)`).exec(rest);
      if (end === null) {
        open.push("a here-document");
        break;
      }
      i += end.index + end[0].length - 1;
      delimiter = null;
    }
  }
  const top = open.at(-1);
  return { inside: top === undefined || top === "(" ? null : top, open, delimiter, atWordStart: false };
}
