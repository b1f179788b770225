/** From the URLs of a recipe to the places that are asked: expands `mirror://`. Knows nothing of HTTP. */
import { fail } from "../failure.ts";
import { aptMirrors } from "./debian-mirrors.ts";
import { type NpmHost, npmRegistry } from "./npm-registry.ts";

export interface Mirrors {
  readonly debianMirrors: readonly string[];
  readonly aptDir: string;
  readonly npm: NpmHost;
}

const DEBIAN = "mirror://debian/";
const NPM = "mirror://npm/";

/** Whether `builtin:fetch@1` knows this kind of URL. */
export const isFetchable = (url: string): boolean =>
  url.startsWith(DEBIAN) || url.startsWith(NPM) || (/^https?:\/\//.test(url) && URL.canParse(url));

/** All places for all URLs, in the order in which they are tried. Fails only if none is left. */
export async function placesOf(urls: readonly string[], mirrors: Mirrors): Promise<string[]> {
  const places: string[] = [];
  let homeless: string | undefined;
  for (const url of urls) {
    const found = await expand(url, mirrors);
    if (found.length === 0) homeless ??= url;
    places.push(...found);
  }
  if (places.length > 0 || homeless === undefined) return [...new Set(places)];
  if (homeless.startsWith(DEBIAN)) return fail({ _tag: "NoDebianMirror", url: homeless });
  const reason = "this host names no npm registry: set one in ~/.npmrc or in npm_config_registry";
  return fail({ _tag: "FetchFailed", attempts: [{ url: homeless, reason }] });
}

async function expand(url: string, mirrors: Mirrors): Promise<string[]> {
  if (url.startsWith(DEBIAN)) {
    const bases = [...mirrors.debianMirrors.map((base) => base.replace(/\/+$/, "")), ...aptMirrors(mirrors.aptDir)];
    return bases.map((base) => `${base}/${encodePath(url.slice(DEBIAN.length))}`);
  }
  if (!url.startsWith(NPM)) return [url];
  const registry = await npmRegistry(mirrors.npm);
  return registry === undefined ? [] : [`${registry}/${encodePath(url.slice(NPM.length))}`];
}

/** Pool paths hold `+`, `~` and now and then `%`; a path may be given plain or encoded. */
const encodePath = (path: string): string =>
  path
    .split("/")
    .map((part) => encodeURIComponent(/%[0-9A-Fa-f]{2}/.test(part) ? decodeURIComponent(part) : part))
    .map((part) => part.replaceAll("%2B", "+").replaceAll("%40", "@"))
    .join("/");

/** A URL as it may be shown: without user, password, and what a query may grant. */
export function withoutCredentials(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)";
  const parsed = new URL(url);
  parsed.username = "";
  parsed.password = "";
  if (parsed.search !== "") parsed.search = "?…";
  return decodeURI(parsed.href);
}
