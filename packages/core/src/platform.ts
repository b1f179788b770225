/** Platforms: where builders run (build) and where outputs run (host). */

const SYSTEMS = ["x86_64-linux", "aarch64-linux"] as const;

export type System = (typeof SYSTEMS)[number];

export const isSystem = (text: string): text is System => (SYSTEMS as readonly string[]).includes(text);

/** `distribution`: the seed's libc with its host paths patched out; `source`: one built in its own prefix. */
export const LIBCS = ["distribution", "source", "musl"] as const;

export type Libc = (typeof LIBCS)[number];

export const isLibc = (text: string): text is Libc => (LIBCS as readonly string[]).includes(text);

export type LinkMode = "shared" | "static";

export interface Platform {
  readonly build: System;
  readonly host: System;
  readonly libc: Libc;
  readonly link: LinkMode;
}

export const nativePlatform = (system: System): Platform => ({
  build: system,
  host: system,
  libc: "distribution",
  link: "shared",
});

/** One spelling per platform, for keys and messages: `x86_64-linux`, or `x86_64-linux>aarch64-linux+musl+static`. */
export const platformName = ({ build, host, libc, link }: Platform): string =>
  [
    build === host ? build : `${build}>${host}`,
    ...(libc === "distribution" ? [] : [libc]),
    ...(link === "shared" ? [] : [link]),
  ].join("+");
