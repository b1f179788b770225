/** What is known of a role's generations beyond their records: what each changed against another. Reads the store alone. */
import { decodeUtf8, type ObjectInfo } from "@cab/core";
import {
  type Described,
  type Generation,
  type ParamChange,
  paramChanges,
  parseParams,
  Refused,
  type UnitChange,
  unitChanges,
} from "@cab/profile";
import * as E from "fp-ts/lib/Either.js";
import { closureChanges } from "./closure-changes.ts";
import { type RoleFiles, readManifest } from "./role-host.ts";

/** Undefined if its objects, or its parameters, are gone. */
export async function described(
  { store, folder }: RoleFiles,
  { number, path }: Generation,
): Promise<Described | undefined> {
  const params = await folder.params(number);
  if (params === undefined || store.object(path) === undefined) return undefined;
  const parsed = parseParams(new TextDecoder().decode(params));
  const file = `generation-${number}.params`;
  if (E.isLeft(parsed)) throw new Refused({ _tag: "BadParams", file, ...parsed.left });
  return { manifest: readManifest(store, path), params: parsed.right };
}

export interface GenerationChanges {
  readonly packages: readonly string[];
  readonly params: readonly ParamChange[];
  readonly units: readonly UnitChange[];
}

/** Undefined if there is not enough of one of them left to tell. */
export async function generationChanges(
  facts: RoleFiles,
  before: Generation,
  after: Generation,
): Promise<GenerationChanges | undefined> {
  const [one, other] = [await described(facts, before), await described(facts, after)];
  if (one === undefined || other === undefined) return undefined;
  const [old, fresh] = [facts.store.object(before.path), facts.store.object(after.path)] as [ObjectInfo, ObjectInfo];
  const files = facts.store.entryChanges(old, fresh).flatMap(({ path }) => decodeUtf8(path) ?? []);
  return {
    packages: closureChanges(facts.store, before.path, after.path),
    params: paramChanges(one, other),
    units: unitChanges(one, other, new Set(files)),
  };
}

export const paramText = ({ name, before, after }: ParamChange): string =>
  `${name} = ${after ?? "(none)"}, before ${before ?? "(none)"}`;

export const unitText = ({ name, change, why }: UnitChange): string =>
  `${name} ${change}${why.length === 0 ? "" : `: ${why.join(", ")}`}`;

/** `2026-11-20 12:14 UTC` */
export const timeText = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
