/** A store path as a user writes it: logical or physical, whole, as its base name, or with a file below it. */
import { parseStorePath, STORE_DIR, type StorePath } from "@cab/core";
import { isRight } from "fp-ts/lib/Either.js";
import { UsageError } from "./verb.ts";

const BASE_NAME = /^[0-9a-z]{32}-/;

/** The store path that a text is, or begins with; undefined if it is none at all, such as a recipe's name. */
export function storePathIn(root: string, text: string): StorePath | undefined {
  const folder = [STORE_DIR, `${root}/store`].find((prefix) => text.startsWith(`${prefix}/`));
  if (folder === undefined && !BASE_NAME.test(text)) return undefined;
  const below = folder === undefined ? text : text.slice(folder.length + 1);
  const path = parseStorePath(`${STORE_DIR}/${below.split("/", 1)[0]}`);
  if (isRight(path)) return path.right;
  throw new UsageError(`${text} is no store path; such a one is ${STORE_DIR}/<32 characters>-<name>`);
}
