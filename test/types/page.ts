/** The tables of docs/reference/mistakes.md. Knows how they look; not where their content comes from. */
import { join } from "node:path";
import type { Topic } from "./mistakes.ts";

export const PAGE = join(import.meta.dirname, "../../docs/reference/mistakes.md");

export interface Row {
  readonly what: string;
  readonly code: string;
  /** Messages of the type checker, and what each underlines. */
  readonly types: readonly { readonly at: string; readonly message: string }[];
  /** What evaluating says; undefined if it has no objection. */
  readonly evaluation: string | undefined;
}

/** The page with one of its generated sections, from `<!-- name -->` to `<!-- end -->`, replaced. */
export function withSection(
  page: string,
  name: string,
  topics: readonly (readonly [Pick<Topic, "title">, readonly Row[]])[],
): string {
  const start = page.indexOf(`<!-- ${name} -->\n`);
  const end = page.indexOf("<!-- end -->", start);
  if (start === -1 || end === -1) throw new Error(`${PAGE} has no section ${name}`);
  const tables = topics.map(([{ title }, rows]) => table(title, rows));
  return `${page.slice(0, start)}<!-- ${name} -->\n\n${tables.join("\n")}\n${page.slice(end)}`;
}

function table(title: string, rows: readonly Row[]): string {
  const typed = rows.some(({ types }) => types.length > 0);
  const head = typed ? ["mistake", "type checker", "evaluation"] : ["mistake", "what is seen"];
  const lines = rows.map(({ what, code, types, evaluation }) => [
    `${what}:<br>${quoted(code)}`,
    ...(typed ? [types.map(({ at, message }) => `at ${quoted(at)}:<br>${allQuoted(message)}`).join("<br>")] : []),
    evaluation === undefined ? "no objection" : allQuoted(evaluation),
  ]);
  return `### ${title}\n\n${[head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

const allQuoted = (text: string): string => text.split("\n").map(quoted).join("<br>");

/** A line as code in a table's cell. */
function quoted(line: string): string {
  const text = line.trim().replaceAll("|", "\\|");
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}
