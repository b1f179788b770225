/** Bundles the CLI into dist/: one entry, and a chunk for each part that only some verbs load. Run by bootstrap/install. */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { type BuildOptions, build, type Plugin, version } from "esbuild";

const root = import.meta.dirname;
const dist = join(root, "dist");
const entry = join(dist, "cab.mjs");

/** fp-ts as ES modules: of its CommonJS, which Node wants where nothing is bundled, no part can be left out. */
const fpTs: Plugin = {
  name: "fp-ts",
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^fp-ts\/lib\// }, ({ path, resolveDir, kind }) =>
      resolve(path.replace("/lib/", "/es6/"), { resolveDir, kind }),
    );
  },
};

/**
 * lmdb with what the store uses of it: its binary for this machine, instead of a search for it (14 ms, most of them in
 * finding out that this is not musl), and msgpackr without its own binary, since all our values are bytes. ordered-binary
 * reads keys by code that it evaluates as text, whose variables the bundler renames under it unless it is CommonJS.
 */
const lmdb: Plugin = {
  name: "lmdb",
  setup: ({ onResolve, onLoad, resolve }) => {
    onResolve({ filter: /^msgpackr$/ }, ({ resolveDir, kind }) => resolve("msgpackr/pack", { resolveDir, kind }));
    onResolve({ filter: /^ordered-binary$/ }, ({ importer, path }) => ({
      path: createRequire(importer).resolve(path),
    }));
    onResolve({ filter: /^node-gyp-build-optional-packages$/ }, ({ importer }) => ({
      path: createRequire(importer).resolve(`@lmdb/lmdb-linux-${process.arch}/node.napi.glibc.node`),
      namespace: "binary",
    }));
    onLoad({ filter: /./, namespace: "binary" }, ({ path }) => ({
      contents: `const binary = require(${JSON.stringify(path)}); export default () => binary;`,
      resolveDir: root,
    }));
  },
};

/**
 * Two of Node's own modules as `require` gives them. An import reads every export at once, and theirs bring 60 more
 * modules of Node's (5 ms) that are otherwise loaded by who uses them.
 */
const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:(fs|util)$/ }, ({ path }) => ({ path, namespace: "builtin" }));
    onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => {
      const builtin = `process.getBuiltinModule(${JSON.stringify(path)})`;
      const names = Object.keys(process.getBuiltinModule(path) ?? {});
      // Pure, so that only what somebody imports is read.
      const named = names.map((name) => `export const ${name} = /* @__PURE__ */ (() => ${builtin}.${name})();`);
      return { contents: [`export default ${builtin};`, ...named].join("\n") };
    });
  },
};

const common = {
  absWorkingDir: root,
  outdir: "dist",
  bundle: true,
  write: false,
  platform: "node",
  target: "node24",
  format: "esm",
  outExtension: { ".js": ".mjs" },
  chunkNames: "[name]-[hash]",
  plugins: [fpTs, lmdb, lazyBuiltins],
  loader: { ".node": "copy" },
  // A program of its own, with a module to talk to it.
  external: ["esbuild"],
  // For the libraries among these that are CommonJS.
  banner: {
    js: 'import { createRequire as cabCreateRequire } from "node:module"; const require = cabCreateRequire(import.meta.url);',
  },
  legalComments: "none",
  // The evaluator bundles recipes with it too, so it is part of what an evaluation is remembered under.
  define: { BUNDLED_WITH: JSON.stringify(`esbuild ${version}`) },
} as const satisfies BuildOptions;

const command = await build({ ...common, entryPoints: { cab: "src/cab.ts" }, splitting: true });

/**
 * What the store runs as threads and processes of its own. Apart from the command, so that its chunks stay what they are;
 * see own-program.ts there.
 */
const programs = await build({
  ...common,
  entryPoints: ["hash-worker", "database-probe"].map((name) => ({ in: `../store/src/${name}.ts`, out: name })),
});

// Chunks first and the entry last, by rename: a cab that starts meanwhile sees the old bundle or the new one.
mkdirSync(dist, { recursive: true });
const files = [...programs.outputFiles, ...command.outputFiles].toSorted(
  (a, b) => Number(a.path === entry) - Number(b.path === entry),
);
for (const file of files) {
  const temporary = `${file.path}.${process.pid}`;
  writeFileSync(temporary, file.contents);
  renameSync(temporary, file.path);
}

// A running cab may still load chunks of the bundle that it started from.
const HOUR = 3_600_000;
const current = new Set(files.map((file) => basename(file.path)));
for (const name of readdirSync(dist)) {
  if (/\.(mjs|node)$/.test(name) && !current.has(name) && Date.now() - statSync(join(dist, name)).mtimeMs > HOUR) {
    rmSync(join(dist, name));
  }
}

// What V8 compiled of bundles before this one; see src/cab.ts.
rmSync(join(dist, "compiled"), { recursive: true, force: true, maxRetries: 3 });
