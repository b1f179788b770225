/** Puts an evaluator's failure into words: where, what was expected and found, and what to type next. */
import { absurd } from "fp-ts/lib/function.js";
import type { EvaluatorFailure, ModuleFault, Notice, Place, StackFrame, TypeFault } from "./failure.ts";

export function renderEvaluatorFailure(failure: EvaluatorFailure): string {
  switch (failure._tag) {
    case "NoWorkspace":
      return failure.explicit
        ? message(
            `${failure.from} is no workspace: it has neither cab.config.ts nor derivations/`,
            "make a folder derivations/ with a recipe in it",
          )
        : message(
            `no cab.config.ts and no derivations/ in ${failure.from} or any folder above it`,
            "make a folder derivations/ with a recipe in it",
          );
    case "UnknownRecipes":
      return [
        ...failure.unknown.map(({ name, nearest }) => {
          const meant = nearest.length > 0 ? `did you mean ${nearest.join(" or ")}?` : `write ${name}.ts there`;
          return message(`there is no recipe named ${name} in ${failure.folders.join(" or ")}`, meant);
        }),
      ].join("\n");
    case "DuplicateRecipe":
      return message(
        `two recipes are named ${failure.name}:\n  ${failure.files.join("\n  ")}`,
        "rename one of the files: a file's base name is its recipe's name",
      );
    case "BadModules":
      return failure.faults.map(renderFault).join("\n\n");
    case "IllTyped":
      return failure.faults.map(renderTypeFault).join("\n\n");
    case "TypesTimedOut":
      return message(
        `the type checker had not ended after ${failure.seconds} seconds`,
        "look for types that name themselves without end; cab eval without --check-types shows what the recipe says",
      );
    case "ImportCycle":
      return message(
        `these modules import each other in a circle:\n  ${failure.files.join("\n  → ")}`,
        "take one import out; what two of them share goes into a third module",
      );
    case "RecipeThrew": {
      const what = failure.name === "" ? `the recipe threw ${failure.message}` : `${failure.name}: ${failure.message}`;
      return [...blame(failure.place), what, ...failure.stack.slice(1).map(renderFrame)].join("\n");
    }
    case "RecipeRefused": {
      const [what, remedy] = refusal(failure.failure);
      return [...blame(failure.place), message(what, remedy)].join("\n");
    }
    case "Impure":
      return [
        ...blame(failure.place),
        message(`${failure.what} is not part of a recipe: the same recipe must always mean the same`, failure.remedy),
      ].join("\n");
    case "TimedOut":
      return [
        ...blame(failure.place),
        message(
          `the evaluation had not ended after ${failure.seconds} seconds`,
          "look for a loop that never ends here",
        ),
      ].join("\n");
    case "NotLocked":
      return [
        ...blame(failure.place),
        message(
          [
            "cab.lock does not say what these fetches are:",
            ...failure.missing.map(({ key, wantedBy }) => `  ${key}, wanted by ${wantedBy.join(", ")}`),
          ].join("\n"),
          "cab lock",
        ),
      ].join("\n");
    case "BadLock":
      return [
        `${failure.file}:${failure.line}`,
        message(
          `${failure.reason}; only cab lock writes this file`,
          "keep both sides of a conflict, sorted, one pin a line; or restore the file, then: cab lock",
        ),
      ].join("\n");
    case "LocalMissing": {
      const { nearest, file, place } = failure;
      const remedy = nearest.length > 0 ? `did you mean ${nearest.join(" or ")}?` : "create it, or correct the path";
      return [...blame(place), message(`${file} does not exist`, remedy)].join("\n");
    }
    case "LocalRefused":
      return [...blame(failure.place), message(`${failure.file} ${failure.reason}`, failure.remedy)].join("\n");
    case "Unreadable":
      return message(`${failure.file} cannot be read (${failure.code})`, `ls -ld ${failure.file}`);
    default:
      return absurd(failure);
  }
}

export function renderNotice(notice: Notice): string {
  return `${notice.name}: ${notice.file} is used instead of ${notice.shipped}`;
}

const message = (what: string, remedy: string): string => `${what}\n  remedy: ${remedy}`;

const renderTypeFault = ({ place, code, message: text }: TypeFault): string =>
  [...blame(place), `${text} (TS${code})`].join("\n");

function renderFault(fault: ModuleFault): string {
  switch (fault._tag) {
    case "SyntaxError":
      return [...blame(fault.place), fault.message].join("\n");
    case "ForbiddenImport":
      return [...blame(fault.place), message(`cannot import ${fault.specifier}: ${fault.reason}`, fault.remedy)].join(
        "\n",
      );
    default:
      return absurd(fault);
  }
}

/** What was found, and the remedy. */
function refusal(
  failure: Extract<EvaluatorFailure, { readonly _tag: "RecipeRefused" }>["failure"],
): readonly [string, string] {
  switch (failure._tag) {
    case "BadRecipe":
      return [failure.reason, failure.remedy];
    case "DependencyCycle":
      return [`packages need each other in a circle: ${failure.cycle.join(" → ")}`, "take one of these inputs out"];
    case "UnsupportedPlatform":
      return [`this cannot be built for ${failure.platform}`, `choose one of ${failure.supported.join(", ")}`];
    default:
      return absurd(failure);
  }
}

/** `file:line:column`, the line, and a squiggle below what is meant. */
function blame(place: Place | null): string[] {
  if (place === null) return [];
  const { file, line, column, length } = place;
  const excerpt = withoutPasswords(place.excerpt);
  const indent = excerpt.length - excerpt.trimStart().length;
  const from = Math.max(0, column - 1 - indent);
  const squiggle = "~".repeat(Math.max(1, Math.min(length, excerpt.length - column + 1)));
  return [`${file}:${line}:${column}`, `    ${excerpt.trim()}`, `    ${" ".repeat(from)}${squiggle}`];
}

/** A recipe that was refused for a password in a URL is not printed with it. Keeps every column where it was. */
const withoutPasswords = (line: string): string =>
  line.replace(/(?<=:\/\/)[^/\s"'`]*(?=@)/g, (user) => "…".repeat(user.length));

const renderFrame = ({ function: name, file, line, column }: StackFrame): string =>
  `  at ${name === "" ? "" : `${name} `}${file}:${line}:${column}`;
