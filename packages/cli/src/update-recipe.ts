/**
 * One recipe moved to the newest version that its source has: which text of it changes, and what that newly fetches. What
 * the version decides is found out by evaluating the recipe with another one. Writes nothing.
 */
import { readFileSync } from "node:fs";
import { type FetchRequest, fetchKey, type Pin } from "@cab/core";
import {
  type Collected,
  type CollectedFetch,
  collectFetches,
  displayFile,
  type Edits,
  type EvaluatorOptions,
  type Recipe,
} from "@cab/evaluator";
import type { Newer, Pinning, VersionQuery } from "@cab/executor";
import * as E from "fp-ts/lib/Either.js";
import { Ended } from "./ended.ts";
import { type VersionLiteral, versionLiteral, withSuite, withVersion } from "./recipe-edit.ts";
import { buildText } from "./render-failure.ts";
import { evaluatorEnded } from "./wiring.ts";

export interface UpdateOptions {
  readonly evaluator: EvaluatorOptions;
  readonly pinning: Pinning;
  /** Suites that are looked at beside the recipe's own. */
  readonly suites: readonly string[];
  /** Of recipes that were updated before this one. */
  readonly edits: Edits;
}

export type Update =
  /** `where` are the places that were looked at. */
  | {
      readonly _tag: "UpToDate";
      readonly version: string;
      readonly where: string;
      readonly otherFiles: readonly string[];
    }
  | {
      readonly _tag: "Updated";
      readonly from: string;
      readonly to: string;
      readonly where: string;
      /** Absolute path of the recipe. */
      readonly file: string;
      readonly before: string;
      readonly after: string;
      /** What was not pinned yet. */
      readonly pins: ReadonlyMap<string, Pin>;
    };

/** Stands for a version that nothing has: what is fetched with it shows where the version goes. */
const PROBE = "9.87654321.0";

export async function updateRecipe(recipe: Recipe, options: UpdateOptions): Promise<Update> {
  const file = `${recipe.workspace.root}/${recipe.path}`;
  const shown = displayFile(recipe.workspace, recipe.path);
  const before = readFileSync(file, "utf8");
  const literal = literalOf(before, shown);
  const byHand = (reason: string): Ended =>
    new Ended(`error: ${shown}:${literal.line}: ${reason}\nchange it by hand, then: cab lock ${recipe.name}\n`);
  const evaluated = (text: string) =>
    collectFetches(options.evaluator, [recipe.name], new Map(options.edits).set(file, text))();
  const collect = async (text: string): Promise<Collected> => {
    const collected = await evaluated(text);
    if (E.isLeft(collected)) throw await evaluatorEnded(collected.left);
    return collected.right;
  };
  const now = await collect(before);
  const probed = await evaluated(withVersion(before, literal, PROBE));
  if (E.isLeft(probed)) throw byHand("the recipe takes no other version: what would be fetched for one is unknown");
  const { request, query } = queryOf({ now, probed: probed.right, literal, suites: options.suites, byHand });
  const newer = await found(options.pinning, query);
  if (newer._tag === "Newest") {
    const where = query._tag === "Npm" ? "the registry" : query.suites.join(" and ");
    return { _tag: "UpToDate", version: literal.version, where, otherFiles: newer.otherFiles };
  }
  const { version, suite } = newer;
  const wanted = { ...request, ...replaced(request, version), ...(suite === null ? {} : { suite }) } as FetchRequest;
  const isOtherSuite = request._tag === "DebianSource" && suite !== null && suite !== request.suite;
  const edited = withVersion(before, literal, version);
  const after = isOtherSuite
    ? E.getOrElse((): string => {
        throw byHand(`version ${version} is in ${suite}, and which debianSource is to name that cannot be told`);
      })(withSuite(edited, suite))
    : edited;
  const { fetches } = await collect(after);
  if (!fetches.some(({ key }) => key === fetchKey(wanted))) {
    throw byHand(`with the version ${version} it does not fetch ${fetchKey(wanted)}`);
  }
  const pins = await options.pinning.pin(missing(fetches))();
  if (E.isLeft(pins)) {
    throw byHand(`version ${version} is there, but not all that the recipe fetches for it\n${buildText(pins.left)}`);
  }
  const where = suite ?? "the registry";
  return { _tag: "Updated", from: literal.version, to: version, where, file, before, after, pins: pins.right };
}

const missing = (fetches: readonly CollectedFetch[]): FetchRequest[] =>
  fetches.filter(({ pinned }) => !pinned).map(({ request }) => request);

async function found(pinning: Pinning, query: VersionQuery): Promise<Newer> {
  const newer = await pinning.newer(query)();
  if (E.isLeft(newer)) throw new Ended(`error: ${buildText(newer.left)}\n`);
  return newer.right;
}

function literalOf(text: string, shown: string): VersionLiteral {
  const literal = versionLiteral(text);
  if (E.isRight(literal)) return literal.right;
  const { lines } = literal.left;
  throw new Ended(
    lines.length === 0
      ? `error: ${shown}: it has no version: "…" of its own\nwrite the version out there, as one string\n`
      : `error: ${lines.map((line) => `${shown}:${line}`).join(", ")}: which of these is the recipe's version cannot be told\nchange it by hand, then: cab lock\n`,
  );
}

interface Probing {
  /** What the recipe fetches, with the version that it has and with `PROBE`. */
  readonly now: Collected;
  readonly probed: Collected;
  readonly literal: VersionLiteral;
  readonly suites: readonly string[];
  readonly byHand: (reason: string) => Ended;
}

type Searchable = Extract<FetchRequest, { readonly _tag: "DebianSource" | "Npm" }>;

/** The one fetch whose version can be looked for, and how. */
function queryOf({ now, probed, literal, suites, byHand }: Probing): {
  readonly request: Searchable;
  readonly query: VersionQuery;
} {
  const before = new Set(now.fetches.map(({ key }) => key));
  const requests = probed.fetches
    .filter(({ key }) => !before.has(key))
    .map(({ request }) => request)
    .filter(isUpstream);
  const [request, ...others] = requests;
  if (request === undefined) {
    throw byHand(
      "no upstream file of Debian's and no npm package, which newer versions are known of, has this version",
    );
  }
  if (others.length > 0) throw byHand(`this is the version of ${requests.map(fetchKey).join(" and ")}`);
  const current = literal.version;
  if (request._tag === "Npm") return { request, query: { _tag: "Npm", package: request.package, current } };
  const [start, end] = request.file.split(PROBE) as [string, string];
  return {
    request,
    query: {
      _tag: "DebianSource",
      package: request.package,
      suites: [...new Set([request.suite, ...suites])],
      before: start,
      after: end,
      current,
    },
  };
}

/** Debian's own additions have versions of their own. */
const isUpstream = (request: FetchRequest): request is Searchable =>
  request._tag === "Npm"
    ? request.version === PROBE
    : request._tag === "DebianSource" &&
      request.file.split(PROBE).length === 2 &&
      /\.orig\.tar\.\w+$/.test(request.file);

const replaced = (request: Searchable, version: string): Partial<Searchable> =>
  request._tag === "Npm" ? { version } : { file: request.file.replace(PROBE, version) };
