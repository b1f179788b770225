/** Which cab this is: for people, and for what an evaluation is remembered under. */

export const VERSION = "0.1.0";

/** Filled in by build.ts; not there when the sources run as they are. */
declare const BUNDLED_WITH: string | undefined;

/**
 * Changes whenever the engine's code or its bundler does: a chunk's name holds the hash of its content, and so of the
 * names of all chunks that it loads.
 */
export const BUILD = [
  VERSION,
  import.meta.url.split("/").at(-1),
  typeof BUNDLED_WITH === "undefined" ? "not bundled" : BUNDLED_WITH,
].join(" ");
