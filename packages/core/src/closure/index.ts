export { diffClosures, type ObjectChange } from "./closure-diff.ts";
export { type PackageName, packageName } from "./package-name.ts";
export {
  type ObjectOf,
  onlyBecauseOf,
  referencesFirst,
  shortestWaysBetween,
  totalSize,
} from "./reference-graph.ts";
export { type DirectoryOf, diffTrees, type EntryChange, type TreeEntry } from "./tree-diff.ts";
