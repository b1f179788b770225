/**
 * Where a further program of this package lies: beside this module, as a source or as its bundle. Knows names of files.
 */
export const ownProgram = (name: string): URL =>
  new URL(import.meta.url.endsWith(".ts") ? `./${name}.ts` : `./${name}.mjs`, import.meta.url);
