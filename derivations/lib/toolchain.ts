/** Which libc, and which compiler that links with it, a platform's packages are built with. Knows nothing of packages. */
import { type AnyPackage, type Libc, nativePlatform, type Platform, platformName, RecipeError } from "@cab/core";
import ccWrapper from "../toolchain/cc-wrapper.ts";
import ccWrapperSource from "../toolchain/cc-wrapper-source.ts";
import libc from "../toolchain/libc.ts";
import libcSource from "../toolchain/libc-source.ts";

/** The same packages whichever platform they are instantiated for: each libc has its own. */
export interface Toolchain {
  readonly cc: AnyPackage;
  readonly libc: AnyPackage;
}

const native = (libc: Libc): string => platformName({ ...nativePlatform("x86_64-linux"), libc });

/** By the platform's name: one that is not listed cannot be built for. */
const TOOLCHAINS: ReadonlyMap<string, Toolchain> = new Map([
  [native("distribution"), { cc: ccWrapper, libc }],
  [native("source"), { cc: ccWrapperSource, libc: libcSource }],
]);

export function toolchainFor(platform: Platform): Toolchain {
  const name = platformName(platform);
  const toolchain = TOOLCHAINS.get(name);
  if (toolchain !== undefined) return toolchain;
  throw new RecipeError({ _tag: "UnsupportedPlatform", platform: name, supported: [...TOOLCHAINS.keys()] });
}
