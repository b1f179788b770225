/**
 * A role's programs as shell scripts that need nothing but the closure's own shell. Knows how words become one; not what
 * runs them.
 */
import {
  type AnyPackage,
  content,
  type Hole,
  type OutputRef,
  PARAM_TOKEN,
  RecipeError,
  raw,
  shellQuote,
  type Text,
  text,
  toText,
} from "@cab/core";
import type { Command, Declared, Runs } from "./role.ts";

export const runDirectory = (role: string): string => `/cab/run/${role}`;

/** What a program in the role's directories is about, for messages; and the shell that it runs on. */
export interface ProgramContext {
  readonly shell: AnyPackage;
  readonly where: string;
}

/** Takes the parameters as variables, becomes the user it is for, forgets the environment, and becomes the program. */
export function programText(of: Runs, role: Declared, { shell, where }: ProgramContext): Text {
  return content`#!${shell}/bin/sh
set -eu
. ${runDirectory(role.name)}/params
cd /
umask 077
exec ${asUser(of, role, where)} ${shell}/bin/env -i PATH=${shell}/bin HOME=/nonexistent TZ=UTC0 ${raw(STATE_VARIABLE)} ${environment(of.env ?? {}, where)} ${command(of.exec, role, { shell, where })}
`;
}

/** Where `restore` puts the data. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
const STATE_VARIABLE = '${CAB_STATE:+"CAB_STATE=$CAB_STATE"}';

const code = (parts: Text["parts"]): Text => ({ ...text(...parts), isCode: true });

function command(of: Command, role: Declared, { shell, where }: ProgramContext): Text {
  if (!isWords(of)) return code([...toText(shell).parts, "/bin/sh -euc ", ...scriptWord(of, role, where)]);
  if (of.length === 0) throw bad(`${where} runs nothing`, "give it at least one word");
  return code(of.flatMap((one, i) => [...(i > 0 ? [" "] : []), ...word(one, where)]));
}

export const isWords = (of: Command): of is readonly Text[] => Array.isArray(of);

/** What stands in a command, for who looks for names in it. */
export const commandTexts = (of: Command | undefined): readonly Text[] =>
  of === undefined ? [] : isWords(of) ? of : [of];

/** Literal pieces as `literal` makes them, parameters as `value` does. */
function pieces(
  of: Text,
  where: string,
  to: { readonly literal: (piece: string) => string; readonly value: (name: string) => string },
): Text["parts"] {
  return of.parts.flatMap((part): (string | OutputRef)[] => {
    if (typeof part !== "string") return [part];
    // The pattern has two groups, so pieces come in threes: what stands before a token, its kind, its name.
    return part.split(PARAM_TOKEN).flatMap((piece, i, all) => {
      if (i % 3 === 0) return piece === "" ? [] : [to.literal(piece)];
      if (i % 3 === 1) return [];
      if (all[i - 1] !== "param") throw whenInCommand(where);
      return [to.value(piece)];
    });
  });
}

/** As one word of shell code: a parameter is a quoted variable. */
function word(of: Text, where: string): Text["parts"] {
  const parts = pieces(of, where, { literal: shellQuote, value: (name) => `"$param_${name}"` });
  return parts.length > 0 ? parts : [shellQuote("")];
}

/** A whole script as one word; it reads the parameters itself. */
const scriptWord = (of: Text, role: Declared, where: string): Text["parts"] => [
  shellQuote(`. ${runDirectory(role.name)}/params\n`),
  ...pieces(of, where, { literal: shellQuote, value: (name) => shellQuote(`"$param_${name}"`) }),
];

const whenInCommand = (where: string): RecipeError =>
  bad(
    `${where} uses when(…), text that may not be there`,
    "use it in one of the role's files: a command's word is there",
  );

const environment = (env: Readonly<Record<string, Hole>>, where: string): Text =>
  code(Object.entries(env).flatMap(([name, value]) => [`${name}=`, ...word(toText(value), where), " "]));

/** Only root can become another user; for anybody else there is one user. */
function asUser({ user }: Runs, role: Declared, where: string): Text {
  if (user === undefined) return raw("");
  const uid = role.users[user];
  if (uid === undefined) {
    throw bad(
      `${where} runs as ${user}, which is none of the role's users`,
      `give its number: users: { ${user}: 389 }`,
    );
  }
  return raw(`$([ "$(id -u)" != 0 ] || echo chpst -u ${uid}:${uid})`);
}

const bad = (reason: string, remedy: string): RecipeError => new RecipeError({ _tag: "BadRecipe", reason, remedy });

/** What a program names of an instance: whatever changes there changes the program. */
export interface Uses {
  readonly files: readonly string[];
  readonly params: readonly string[];
  /** By the names under which the host has them. */
  readonly secrets: readonly string[];
}

const literalOf = (of: Text): string => of.parts.map((part) => (typeof part === "string" ? part : "\0")).join("");

/**
 * Found by their places in these texts and in the files that these name. Whoever names the directory of files without
 * saying which one may read any.
 */
export function usesOf(texts: readonly Text[], role: Declared): Uses {
  const directory = runDirectory(role.name);
  const own = texts.map(literalOf).join("\0");
  const names = Object.keys(role.files);
  const behind = own.split(`${directory}/etc`).slice(1);
  const isOf = (rest: string, name: string): boolean =>
    rest.startsWith(`/${name}`) || (name.includes("/") && isOf(rest, name.slice(0, name.lastIndexOf("/"))));
  const files = behind.every((rest) => names.some((name) => isOf(rest, name)))
    ? names.filter((name) => behind.some((rest) => isOf(rest, name)))
    : names;
  const all = [own, ...files.map((name) => literalOf(role.files[name] as Text))].join("\0");
  return {
    files,
    params: Object.keys(role.params).filter(
      (name) => all.includes(`@param:${name}@`) || all.includes(`@when:${name}@`),
    ),
    secrets: Object.values(role.secrets).flatMap(({ name }) =>
      all.includes(`${directory}/secrets/${name}`) ? [name] : [],
    ),
  };
}
