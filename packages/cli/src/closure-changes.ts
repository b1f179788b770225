/** What two closures differ in, in a few words each: for lists where `cab diff` would say too much. */
import { diffClosures, type ObjectChange, packageName, referencesFirst, type StorePath } from "@cab/core";
import type { Store } from "@cab/store";

/** Nothing if one of them is not in the store. The roots themselves are left out: they always differ. */
export function closureChanges(store: Store, before: StorePath, after: StorePath): string[] {
  if (store.object(before) === undefined || store.object(after) === undefined) return [];
  const closure = (path: StorePath) => referencesFirst([path], store.object).filter((info) => info.path !== path);
  return diffClosures(closure(before), closure(after)).map(changeText);
}

function changeText({ package: { name, output }, before, after }: ObjectChange): string {
  const label = output === "out" ? name : `${name}.${output}`;
  const version = (info: ObjectChange["before"]): string => (info === null ? "" : packageName(info.path).version);
  const spaced = (text: string): string => (text === "" ? "" : ` ${text}`);
  if (before === null) return `${label}${spaced(version(after))} added`;
  if (after === null) return `${label}${spaced(version(before))} removed`;
  return version(before) === version(after)
    ? `${label}${spaced(version(after))} rebuilt`
    : `${label} ${version(before)} → ${version(after)}`;
}
