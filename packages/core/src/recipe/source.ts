/**
 * Sources: fetches pinned by the lock file, and files of the workspace. Each is a package with one fixed output, so
 * that where the bytes come from never decides what is rebuilt.
 */
import { isStoreName } from "../store-path.ts";
import { RecipeError } from "./failure.ts";
import { type AnyPackage, definePackage, type OutputRef, type RecipeHost } from "./package.ts";
import { json } from "./text.ts";

/** What the lock file says of one fetch. */
export type Pin = FilePin | GitPin;

export interface FilePin {
  readonly _tag: "File";
  /** May be `mirror://debian/…` or `mirror://npm/…`: which host serves it is no part of a recipe. */
  readonly url: string;
  /** Bytes. */
  readonly size: number;
  readonly algo: "sha256" | "sha512";
  /** Lower-case hexadecimal. */
  readonly digest: string;
}

export interface GitPin {
  readonly _tag: "Git";
  /** Lower-case hexadecimal, 40 digits; 64 in a repository that names objects by SHA-256. */
  readonly commit: string;
  /** SHA-256 of the commit's tree as the store counts it: the promise, whatever git's own hash is worth. */
  readonly digest: string;
}

/** A fetch before it is pinned. `fetchKey` is its name in the lock file. */
export type FetchRequest =
  | { readonly _tag: "DebianBinary"; readonly suite: string; readonly arch: string; readonly package: string }
  | { readonly _tag: "DebianSource"; readonly suite: string; readonly package: string; readonly file: string }
  | { readonly _tag: "Npm"; readonly package: string; readonly version: string }
  /** `revision` is a commit, or the name of a tag or branch. */
  | { readonly _tag: "Git"; readonly url: string; readonly revision: string }
  | { readonly _tag: "Url"; readonly url: string };

export function fetchKey(request: FetchRequest): string {
  switch (request._tag) {
    case "DebianBinary":
      return `debian:${request.suite}/${request.arch}/${request.package}`;
    case "DebianSource":
      return `debian:${request.suite}/source/${request.package}/${request.file}`;
    case "Npm":
      return `npm:${request.package}@${request.version}`;
    case "Git":
      return `${GIT_KEY}${request.url}#${request.revision}`;
    case "Url":
      return request.url;
  }
}

const GIT_KEY = "git:";

/** Whether the pin under this key is of a commit. */
export const isGitKey = (key: string): boolean => key.startsWith(GIT_KEY);

/** What stands for a pin that the lock file lacks, where fetches are only being counted. It promises nothing. */
export const unpinned = ({ _tag }: FetchRequest): Pin =>
  _tag === "Git"
    ? { _tag: "Git", commit: "0".repeat(40), digest: "0".repeat(64) }
    : { _tag: "File", url: "", size: 0, algo: "sha256", digest: "0".repeat(64) };

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
  return definePackage({ name }, (_, host) => {
    const { url, size, algo, digest } = pinnedFile(host, request);
    return {
      name,
      builder: "builtin:fetch@1",
      env: { urls: json([url]), size: String(size) },
      rootfs: null,
      outputs: { out: { _tag: "FixedOutput", algo, digest, mode: "flat" } },
    };
  });
}

/** The pin of anything but a git repository. */
export function pinnedFile({ pin }: Pick<RecipeHost, "pin">, request: FetchRequest): FilePin {
  const pinned = pin(request);
  if (pinned._tag !== "File") throw new Error(`BUG: ${fetchKey(request)} is pinned as a commit`);
  return pinned;
}

/** A tag or branch (the default branch if neither is given), or a commit. */
export type GitSource = { readonly url: string } & (
  | { readonly ref?: string; readonly commit?: never }
  | { readonly commit: string; readonly ref?: never }
);

/**
 * The files of a commit, as they stand in the repository: no submodules, nothing that attributes or filters would make
 * of them. Which commit a tag or branch means is pinned by the lock file.
 */
export function gitSource({ url, ref, commit }: GitSource): AnyPackage {
  const revision = commit ?? ref ?? "HEAD";
  const fault = gitUrlFault(url) ?? (commit === undefined ? refFault(revision) : commitFault(commit));
  if (fault !== undefined) throw new RecipeError({ _tag: "BadRecipe", ...fault });
  const request: FetchRequest = { _tag: "Git", url, revision };
  // The repository's own name, whatever serves it: another URL for the same tree is the same store path.
  const name = storeName(/([^/:]*?)(?:\.git)?\/*$/.exec(url)?.[1] ?? "");
  return definePackage({ name }, (_, { pin }) => {
    const pinned = pin(request);
    if (pinned._tag !== "Git") throw new Error(`BUG: ${fetchKey(request)} is pinned as a file`);
    return {
      name,
      builder: "builtin:git@1",
      env: { url, commit: pinned.commit },
      rootfs: null,
      outputs: { out: { _tag: "FixedOutput", algo: "sha256", digest: pinned.digest, mode: "tree" } },
    };
  });
}

interface Fault {
  readonly reason: string;
  readonly remedy: string;
}

const HOST = String.raw`(?:\[[\da-fA-F:.]+\]|\w[\w.-]*)`;
const GIT_URLS = [
  new RegExp(String.raw`^(?<scheme>https?|ssh|git)://(?:(?<user>[^/]*)@)?${HOST}(?::\d+)?/[^\s?#]+$`),
  /^(?<scheme>file):\/\/\/[^\s?#]+$/,
  // `git@host:path`, which is ssh.
  new RegExp(String.raw`^\w[\w.+-]*@${HOST}:[^\s?#-][^\s?#]*$`),
];

/** Why no repository is fetched from this URL; undefined if one can be. Tells no password that stands in it. */
export function gitUrlFault(url: string): Fault | undefined {
  const shown = url.replace(/^(\w+:\/\/)?.*@/, "$1…@").replace(/[?#].*/, "?…");
  const match = GIT_URLS.map((pattern) => pattern.exec(url)).find((found) => found !== null);
  if (match === undefined || !/^[!-~]+$/.test(url)) {
    const remedy = "give https://…, ssh://…, git://…, file:///… or user@host:path, without a query";
    return { reason: `${JSON.stringify(shown)} is no URL of a git repository`, remedy };
  }
  const { scheme, user } = match.groups ?? {};
  // Whom ssh asks for is no secret, and part of nearly every such URL; elsewhere a user may well be a token.
  if (user === undefined || (scheme === "ssh" && !user.includes(":"))) return undefined;
  return {
    reason: `the URL ${shown} holds a user or password, which would end up in the lock file and in the store`,
    remedy: "leave it out and give it to git: by a credential helper, by ~/.netrc, or use an ssh key",
  };
}

export const isCommit = (text: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);

const commitFault = (commit: string): Fault | undefined =>
  isCommit(commit)
    ? undefined
    : {
        reason: `${JSON.stringify(commit)} is no commit`,
        remedy: "give all 40 digits of its hash; a tag or branch goes into ref",
      };

/** Source: git-check-ref-format(1). */
const refFault = (ref: string): Fault | undefined =>
  /^[!-~]+$/.test(ref) && !/^[-/.]|\.\.|[~^:?*[\\]|@\{|\/\/|\/\.|[/.]$|\.lock$|^@$/.test(ref) && !isCommit(ref)
    ? undefined
    : {
        reason: `${JSON.stringify(ref)} is no name of a tag or branch`,
        remedy: 'give a name such as "v1.2", "main" or "refs/heads/main"; a hash goes into commit',
      };

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
