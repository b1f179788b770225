/**
 * The links that keep objects alive: generations of roles in `var/profiles`, and what users made roots in `var/roots`.
 * Knows links and where they lead; not what is valid.
 *
 * In `var/roots` a link leads to an object, or to a link that the user has elsewhere, such as `./result`; what that one
 * leads to is alive for as long as it exists. Who changes such links holds the database's write lock, as does a collector
 * that reads them.
 */
import {
  chmodSync,
  type Dirent,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { baseName, namePart, parseStorePath, STORE_DIR, type StorePath, sha256Hex } from "@cab/core";
import { errorCode, StoreException } from "./failure.ts";
import { type Layout, objectFile } from "./layout.ts";
import { syncDirectory, syncNames } from "./sync.ts";

export interface RootLink {
  readonly kind: "generation" | "link";
  /** The generation's link, the user's own link, or the one in `var/roots`. */
  readonly link: string;
  readonly path: StorePath;
}

/** The object that a link which lies in `directory` leads into; undefined if it leads elsewhere. */
export function objectOf(layout: Layout, directory: string, target: string): StorePath | undefined {
  const parts = resolve(directory, target).split("/");
  for (let i = 1; i < parts.length; i++) {
    const path = parseStorePath(`${STORE_DIR}/${parts[i]}`);
    if (path._tag === "Right" && isStore(layout, parts.slice(0, i).join("/"))) return path.right;
  }
  return undefined;
}

/** Whether the directory is this store's, by whatever name the link calls it. */
function isStore(layout: Layout, directory: string): boolean {
  if (directory === STORE_DIR || directory === layout.store) return true;
  try {
    return realpathSync(directory) === realpathSync(layout.store);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}

/** Where a link leads; undefined if there is none, or something else of this name. */
function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "EINVAL" || code === "ENOTDIR") return undefined;
    // One that cannot be read may still keep something: rather stop than collect that.
    throw error;
  }
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

export function rootLinks(layout: Layout): RootLink[] {
  return [...profileLinks(layout, layout.profiles), ...userLinks(layout).flatMap(({ root }) => root ?? [])];
}

function profileLinks(layout: Layout, directory: string): RootLink[] {
  const links: RootLink[] = [];
  for (const entry of entriesOf(directory)) {
    const link = join(directory, entry.name);
    if (entry.isDirectory()) links.push(...profileLinks(layout, link));
    const path = entry.isSymbolicLink() ? objectOf(layout, directory, targetOf(link) ?? "") : undefined;
    if (path !== undefined) links.push({ kind: "generation", link, path });
  }
  return links;
}

interface UserLink {
  /** In `var/roots`. */
  readonly entry: string;
  /** Undefined if it leads to nothing in this store any more. */
  readonly root: RootLink | undefined;
}

function userLinks(layout: Layout): UserLink[] {
  return entriesOf(layout.roots).map(({ name }) => {
    const entry = join(layout.roots, name);
    // Of a process that ended before it gave it its name: no object's name begins with a dot.
    if (name.startsWith(".")) return { entry, root: undefined };
    const target = targetOf(entry) ?? "";
    const direct = objectOf(layout, layout.roots, target);
    if (direct !== undefined) return { entry, root: { kind: "link", link: entry, path: direct } };
    const path = isAbsolute(target) ? objectOf(layout, dirname(target), targetOf(target) ?? "") : undefined;
    return { entry, root: path === undefined ? undefined : { kind: "link", link: target, path } };
  });
}

/**
 * Removes entries whose link is gone, or leads elsewhere by now. That is so after a power failure too: what they kept may
 * be collected next.
 */
export function removeStaleLinks(layout: Layout): void {
  const stale = userLinks(layout).filter(({ root }) => root === undefined);
  for (const { entry } of stale) {
    const link = targetOf(entry) ?? "";
    if (isAbsolute(link) && existsSync(dirname(link))) syncNames(dirname(link));
    rmSync(entry, { force: true });
  }
  if (stale.length > 0) syncDirectory(layout.roots);
}

const entryFor = (layout: Layout, link: string): string => join(layout.roots, `link-${sha256Hex(link).slice(0, 32)}`);

function requireFree(link: string): void {
  const found = lstatSync(link, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink()) return;
  throw new StoreException({
    _tag: "StoreIo",
    operation: "make the root",
    file: link,
    code: "EEXIST",
    message: "something that is no symbolic link stands there",
  });
}

/** Puts a link where one, or nothing, is now. It is on disk when this returns. */
function placeLink(target: string, link: string): void {
  const temporary = join(dirname(link), `.${basename(link)}.tmp-${process.pid}`);
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, link);
  syncNames(dirname(link));
}

/**
 * Makes `path` a root: by `link`, an absolute path outside of the store's own folders, or by an entry named like the
 * object.
 */
export function addRootLink(layout: Layout, path: StorePath, link: string | undefined): RootLink {
  if (mkdirSync(layout.roots, { recursive: true }) !== undefined) {
    chmodSync(layout.roots, 0o755);
    syncDirectory(dirname(layout.roots));
  }
  if (link === undefined) {
    const entry = join(layout.roots, namePart(path));
    placeLink(join(relative(layout.roots, layout.store), baseName(path)), entry);
    return { kind: "link", link: entry, path };
  }
  requireFree(link);
  // The user's link last: where it stands, it keeps.
  placeLink(link, entryFor(layout, link));
  placeLink(objectFile(layout, path), link);
  return { kind: "link", link, path };
}

/** `name`: an entry's, or the absolute path of a user's link, which goes too. False if there is no such root. */
export function removeRootLink(layout: Layout, name: string): boolean {
  const entry = isAbsolute(name) ? entryFor(layout, name) : join(layout.roots, name);
  const known = userLinks(layout).find((link) => link.entry === entry || link.root?.link === name);
  if (known === undefined) return false;
  for (const link of new Set([known.entry, known.root?.link ?? known.entry])) {
    rmSync(link, { force: true });
    syncNames(dirname(link));
  }
  return true;
}
