/** Bundles the CLI into dist/: one entry, and a chunk for each part that only some verbs load. Run by bootstrap/install. */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const root = import.meta.dirname;
const dist = join(root, "dist");
const entry = join(dist, "cab.mjs");

const result = await build({
  absWorkingDir: root,
  entryPoints: { cab: "src/main.ts" },
  outdir: "dist",
  bundle: true,
  splitting: true,
  write: false,
  platform: "node",
  target: "node24",
  format: "esm",
  outExtension: { ".js": ".mjs" },
  chunkNames: "[name]-[hash]",
  // Native parts cannot be bundled; both are loaded only by what needs them.
  external: ["lmdb", "esbuild"],
  // For the libraries among these that are CommonJS.
  banner: {
    js: 'import { createRequire as cabCreateRequire } from "node:module"; const require = cabCreateRequire(import.meta.url);',
  },
  legalComments: "none",
});

// Chunks first and the entry last, by rename: a cab that starts meanwhile sees the old bundle or the new one.
mkdirSync(dist, { recursive: true });
const files = result.outputFiles.toSorted((a, b) => Number(a.path === entry) - Number(b.path === entry));
for (const file of files) {
  const temporary = `${file.path}.${process.pid}`;
  writeFileSync(temporary, file.contents);
  renameSync(temporary, file.path);
}

// A running cab may still load chunks of the bundle that it started from.
const HOUR = 3_600_000;
const current = new Set(files.map((file) => basename(file.path)));
for (const name of readdirSync(dist)) {
  if (name.endsWith(".mjs") && !current.has(name) && Date.now() - statSync(join(dist, name)).mtimeMs > HOUR) {
    rmSync(join(dist, name));
  }
}
