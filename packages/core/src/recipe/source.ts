/**
 * Sources: fetches pinned by the lock file, and files of the workspace. Each is a package with one fixed output, so
 * that where the bytes come from never decides what is rebuilt.
 */
import { isStoreName } from "../store-path.ts";
import { RecipeError } from "./failure.ts";
import { type AnyPackage, definePackage, type OutputRef } from "./package.ts";
import { json } from "./text.ts";

/** What the lock file says of one fetch. */
export interface Pin {
  /** May be `mirror://debian/…` or `mirror://npm/…`: which host serves it is no part of a recipe. */
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  readonly algo: "sha256" | "sha512";
  /** Lower-case hexadecimal. */
  readonly digest: string;
}

/** A fetch before it is pinned. `fetchKey` is its name in the lock file. */
export type FetchRequest =
  | { readonly _tag: "DebianBinary"; readonly suite: string; readonly arch: string; readonly package: string }
  | { readonly _tag: "DebianSource"; readonly suite: string; readonly package: string; readonly file: string }
  | { readonly _tag: "Npm"; readonly package: string; readonly version: string }
  | { readonly _tag: "Url"; readonly url: string };

export function fetchKey(request: FetchRequest): string {
  switch (request._tag) {
    case "DebianBinary":
      return `debian:${request.suite}/${request.arch}/${request.package}`;
    case "DebianSource":
      return `debian:${request.suite}/source/${request.package}/${request.file}`;
    case "Npm":
      return `npm:${request.package}@${request.version}`;
    case "Url":
      return request.url;
  }
}

/** The distribution release that recipes name unless they say another. */
export const DEBIAN_SUITE = "bookworm";

/** A file of a Debian source package: upstream's tarball, or Debian's own additions. */
export const debianSource = (of: {
  readonly package: string;
  readonly file: string;
  readonly suite?: string;
}): AnyPackage =>
  fetched(of.file, { _tag: "DebianSource", suite: of.suite ?? DEBIAN_SUITE, package: of.package, file: of.file });

/** A binary package of Debian's main archive; its version is whatever the lock file pins. */
export const debianBinary = (of: {
  readonly package: string;
  readonly arch: string;
  readonly suite?: string;
}): AnyPackage =>
  fetched(`${of.package}_${of.arch}.deb`, {
    _tag: "DebianBinary",
    suite: of.suite ?? DEBIAN_SUITE,
    arch: of.arch,
    package: of.package,
  });

/** A package's tarball from the npm registry that the host is configured with. */
export const npmPackage = (of: { readonly package: string; readonly version: string }): AnyPackage =>
  fetched(`${of.package.replace(/^@/, "").replace("/", "-")}-${of.version}.tgz`, { _tag: "Npm", ...of });

/** Any http or https URL. */
export const fetchUrl = (url: string): AnyPackage => fetched(url.split("/").at(-1) ?? "source", { _tag: "Url", url });

function fetched(file: string, request: FetchRequest): AnyPackage {
  const name = storeName(file);
  return definePackage({ name }, (_, { pin }) => {
    const { url, size, algo, digest } = pin(request);
    return {
      name,
      builder: "builtin:fetch@1",
      env: { urls: json([url]), size: String(size) },
      rootfs: null,
      outputs: { out: { _tag: "FixedOutput", algo, digest, mode: "flat" } },
    };
  });
}

/** A file or directory of a workspace: `workspace` names which (the user's own, or `@cab/derivations`). */
export interface LocalRequest {
  readonly workspace: string;
  /** Relative to the workspace, with slashes. */
  readonly file: string;
}

export interface LocalSource {
  readonly mode: "flat" | "tree";
  /** SHA-256 of the file, or of the directory's message. */
  readonly digest: string;
}

/** A file or directory beside the recipe: `local(import.meta, "./slapd.conf")`. */
export function local(meta: { readonly url: string }, relative: string): AnyPackage {
  const request = localRequest(meta.url, relative);
  const name = storeName(request.file.split("/").at(-1) ?? "");
  return definePackage({ name }, (_, host) => {
    const { mode, digest } = host.local(request);
    return {
      name,
      builder: "builtin:local@1",
      env: { workspace: request.workspace, file: request.file },
      rootfs: null,
      outputs: { out: { _tag: "FixedOutput", algo: "sha256", digest, mode } },
    };
  });
}

/** Resolves against a module's URL in the realm, `cab:///<workspace>/<file>` (the workspace percent-encoded). */
function localRequest(url: string, relative: string): LocalRequest {
  const [workspace, ...folder] = url.replace("cab:///", "").split("/").slice(0, -1);
  const segments = [...folder];
  for (const segment of relative.split("/")) {
    if (segment === "..") {
      if (segments.pop() === undefined) throw outside(relative);
    } else if (segment !== "." && segment !== "") {
      segments.push(segment);
    }
  }
  if (relative.startsWith("/") || workspace === undefined || segments.length === 0) throw outside(relative);
  return { workspace: decodeURIComponent(workspace), file: segments.join("/") };
}

const outside = (relative: string): RecipeError =>
  new RecipeError({
    _tag: "BadRecipe",
    reason: `local(import.meta, ${JSON.stringify(relative)}) does not name a file in the workspace`,
    remedy: "give a path relative to the recipe, inside the workspace",
  });

function storeName(file: string): string {
  const name = file.replace(/[^0-9a-zA-Z+\-._?=]/g, "-").replace(/^\.+/, "");
  return isStoreName(name) ? name : "source";
}

export type { OutputRef };
