/**
 * Repackages Debian's binary packages, pinned by the lock file, as a store object that runs from the store: its own
 * layout, libc's loader, run paths to its inputs. What names places of a running system is refused by the leak check
 * unless the recipe says, path by path, why it may. Maintainer scripts are never unpacked.
 *
 * A library that it needs is an input: one of ours, or another repackaged one, so that all that need it share it.
 */
import {
  type AnyPackage,
  DEBIAN_SUITE,
  debianBinary,
  definePackage,
  local,
  type NoOptions,
  type NoPackages,
  nativePlatform,
  type Package,
  type PackageSpec,
  type Packages,
  type Platform,
  pinnedFile,
  platformName,
  RecipeError,
  sh,
} from "@cab/core";
import { debianArch } from "./debian-tree.ts";
import { stdenvRecipe } from "./stdenv.ts";

const fromDebianScripts = local(import.meta, "./from-debian");

export interface FromDebianSpec<I extends Packages> extends PackageSpec<NoOptions, I> {
  /** Binary packages of the main suite whose files are the object's; the first gives the version. `name` unless given. */
  readonly packages?: readonly string[];
  /** What is left out although the packages have it, as in Debian's tree: `etc/redis` to the reason. */
  readonly leaveOut?: Readonly<Record<string, string>>;
  /**
   * Places of a running system that files may name, with all below them: defaults of configuration, and text for people;
   * never where programs, libraries or modules are loaded from. Each to the reason.
   */
  readonly hostPaths?: Readonly<Record<string, string>>;
  /** Programs that must be there at the end. */
  readonly provides?: { readonly bins?: readonly string[] };
}

export const fromDebian = <const I extends Packages = NoPackages>(
  given: FromDebianSpec<I>,
): Package<NoOptions, I, FromDebianSpec<I>, "out"> =>
  definePackage<NoOptions, I, FromDebianSpec<I>, "out">(given, ({ spec, inputs }, host) => {
    requireGlibc(host.platform);
    const arch = debianArch[host.platform.host];
    const packages = spec.packages ?? [spec.name];
    const first = packages[0] ?? spec.name;
    const { url } = pinnedFile(host, { _tag: "DebianBinary", suite: DEBIAN_SUITE, arch, package: first });
    const version = pinnedVersion(url);
    const script = sh`source ${fromDebianScripts}/from-debian.sh
checkInputs
unpackDebian
repackage
fixup
checkSymbols`;
    return stdenvRecipe(
      {
        fullName: `${spec.name}-${version}`,
        outputs: ["out"],
        script,
        env: {
          name: spec.name,
          version,
          src: packages.map((name) => debianBinary({ package: name, arch })),
          inputs: Object.values<AnyPackage>(inputs),
          fromDebian: fromDebianScripts,
          leaveOut: stated(spec, "leaveOut", /^[^/\s][^\s]*$/),
          hostPaths: stated(spec, "hostPaths", /^\/[^\s]+$/),
          noStrip: "1",
          providesBins: spec.provides?.bins ?? [],
        },
      },
      host,
    );
  });

/** Debian links everything against glibc, which the platform has in one build or another; and dynamically. */
function requireGlibc(platform: Platform): void {
  if (platform.libc !== "musl" && platform.link === "shared") return;
  const native = nativePlatform(platform.build);
  const supported = [native, { ...native, libc: "source" as const }].map(platformName);
  throw new RecipeError({ _tag: "UnsupportedPlatform", platform: platformName(platform), supported });
}

/** Of `pool/…/redis-tools_7.0.15-1~deb12u7_amd64.deb`, in the letters of a store path; an epoch is no part of it. */
const pinnedVersion = (url: string): string =>
  /_([^_/]+)_[^_/]+\.deb$/.exec(url)?.[1]?.replace(/[^0-9a-zA-Z+\-._?=]/g, "-") ?? "unpinned";

/** The paths that the recipe gives a reason for. The reasons are its readers': they are not hashed. */
function stated(spec: FromDebianSpec<Packages>, field: "leaveOut" | "hostPaths", form: RegExp): readonly string[] {
  const reasons = spec[field] ?? {};
  const bad = Object.keys(reasons).find((path) => !form.test(path) || reasons[path]?.trim() === "");
  if (bad === undefined) return Object.keys(reasons);
  throw new RecipeError({
    _tag: "BadRecipe",
    reason: `${spec.name} has a bad path or no reason in ${field}: ${JSON.stringify(bad)}`,
    remedy: `give ${field === "hostPaths" ? 'an absolute path ("/etc/malloc.conf")' : 'a path as in the package ("etc/redis")'} and the reason`,
  });
}
