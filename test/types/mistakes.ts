// biome-ignore-all lint/suspicious/noTemplateCurlyInString: recipes as text
/**
 * Wrong recipes, each with one mistake: the data of mistakes.test.ts and of docs/reference/mistakes.md. What is seen of
 * each is not here: it is asked of the type checker and the evaluator.
 */

export interface Mistake {
  readonly what: string;
  /** An expression. */
  readonly code: string;
}

export interface Topic {
  readonly title: string;
  /** What the expressions are: a recipe's default export, any other value in a recipe, or the default export of `cab.config.ts`. */
  readonly of: "package" | "value" | "policy";
  readonly mistakes: readonly Mistake[];
}

/** What every wrong recipe begins with. All that it fetches is pinned by the shipped lock file. */
export const PRELUDE = `import { argv, concat, debianBinary, debianSource, defaults, fetchUrl, gitSource, json } from "@cab/core";
import { local, npmPackage, type OutputRef, option, rewriteInputs, secret, sh, workspace } from "@cab/core";
import { autotools } from "@cab/derivations/lib/autotools.ts";
import { cmake } from "@cab/derivations/lib/cmake.ts";
import { debianTree } from "@cab/derivations/lib/debian-tree.ts";
import { fromDebian } from "@cab/derivations/lib/from-debian.ts";
import { make } from "@cab/derivations/lib/make.ts";
import { serverRole } from "@cab/derivations/lib/server-role.ts";
import openssl from "@cab/derivations/libraries/openssl.ts";
import zlib from "@cab/derivations/libraries/zlib.ts";
import nginx from "@cab/derivations/servers/nginx.ts";
import openldap from "@cab/derivations/servers/openldap.ts";
const source = debianSource({ package: "zlib", file: "zlib_1.2.13.dfsg.orig.tar.bz2" });
const given = { name: "mine", version: "1", source };
`;

const mistakes = (...pairs: readonly (readonly [what: string, code: string])[]): readonly Mistake[] =>
  pairs.map(([what, code]) => ({ what, code }));

/** What the type checker refuses. */
export const TYPED: readonly Topic[] = [
  {
    title: "Choosing options and inputs",
    of: "package",
    mistakes: mistakes(
      ["an option that the package does not have", 'openldap.with({ options: { overlay: "none" } })'],
      ["a value that is none of the choices", 'openldap.with({ options: { overlays: "all" } })'],
      ["a flag for a choice", "openldap.with({ options: { overlays: true } })"],
      ["a word for a flag", 'nginx.with({ options: { tls: "yes" } })'],
      ["undefined for a flag", "nginx.with({ options: { tls: undefined } })"],
      ["options for a package that has none", "zlib.with({ options: { shared: true } })"],
      ["an input that the package does not have", "openldap.with({ inputs: { ssl: openssl } })"],
      ["inputs for a package that has none", "zlib.with({ inputs: { openssl } })"],
      ["a name for a package", 'openldap.with({ inputs: { openssl: "openssl" } })'],
      ["an output for a package", "openldap.with({ inputs: { openssl: openssl.outputs.dev } })"],
      ["a misspelt field", 'openldap.with({ option: { overlays: "none" } })'],
      ["what override is for", 'openldap.with({ version: "2.6" })'],
      ["a function for the changes", "openldap.with(() => ({}))"],
    ),
  },
  {
    title: "Changing a specification",
    of: "package",
    mistakes: mistakes(
      ["a field that there is not", "openldap.override((draft) => { draft.patchs = []; })"],
      ["a value of the wrong type", "openldap.override((draft) => { draft.version = 26; })"],
      ["a file's name for a patch", 'openldap.override((draft) => { draft.patches = ["fix.patch"]; })'],
      ["adding to what may not be there", "openldap.override((draft) => { draft.patches.push(source); })"],
      ["adding to what a function returned", 'nginx.override((draft) => { draft.install?.(null!).push("x"); })'],
      [
        "changing an input instead of replacing it",
        'openldap.override((draft) => { draft.inputs!.openssl.name = "x"; })',
      ],
      [
        "a default that is none of the choices",
        'openldap.override((draft) => { draft.options!.overlays.default = "all"; })',
      ],
      ["other outputs", 'nginx.override((draft) => { draft.outputs = ["doc"]; })'],
      ["an async function", 'zlib.override(async (draft) => { draft.version = "2"; })'],
      ["returning a copy", 'zlib.override((draft) => ({ ...draft, version: "2" }))'],
    ),
  },
  {
    title: "Stating a package",
    of: "package",
    mistakes: mistakes(
      ["no name", 'autotools({ version: "1", source })'],
      ["no version", 'autotools({ name: "mine", source })'],
      ["no source", 'autotools({ name: "mine", version: "1" })'],
      ["a number for a version", 'autotools({ name: "mine", version: 1.2, source })'],
      ["an address for a source", 'make({ ...given, source: "https://example.org/mine.tar.gz" })'],
      ["a promise of a source", "make({ ...given, source: Promise.resolve(source) })"],
      ["an async source", "make({ ...given, source: async () => source })"],
      ["a misspelt field", "autotools({ ...given, configur: () => [] })"],
      ["a field of another builder", "cmake({ ...given, autoreconf: true })"],
      ["arguments without a function", 'autotools({ ...given, configure: ["--x"] })'],
      ["one argument instead of a list", 'autotools({ ...given, configure: () => "--x" })'],
      ["async arguments", 'autotools({ ...given, configure: async () => ["--x"] })'],
      ["a forgotten return", 'autotools({ ...given, configure: () => { ["--x"]; } })'],
      ["arguments where the builder wants shell code", 'make({ ...given, configure: () => ["--x"] })'],
      ["a string for shell code", 'autotools({ ...given, prepare: "rm x" })'],
      ["a function that returns a string for shell code", 'autotools({ ...given, finish: () => "rm x" })'],
      ["undefined among arguments", "autotools({ ...given, configure: () => [undefined] })"],
      ["true among arguments", "autotools({ ...given, configure: () => [true] })"],
      ["an object among arguments", "autotools({ ...given, configure: () => [{}] })"],
      ["a flag in the environment", "autotools({ ...given, env: { DEBUG: true } })"],
      ["an object in the environment", "autotools({ ...given, env: () => ({ DEBUG: { a: 1 } }) })"],
      ["a list of inputs", "autotools({ ...given, inputs: [zlib] })"],
      ["a name for an input", 'autotools({ ...given, inputs: { zlib: "zlib" } })'],
      ["a builder for a tool", "autotools({ ...given, tools: { make } })"],
      ["an output for a tool", "autotools({ ...given, tools: { openssl: openssl.outputs.out } })"],
      ["a file's name for a patch", 'autotools({ ...given, patches: ["fix.patch"] })'],
      ["a misspelt kind of what is provided", 'autotools({ ...given, provides: { libraries: ["z"] } })'],
      ["one name for a list of programs", 'autotools({ ...given, provides: { bins: "mine" } })'],
      ["one name for a list of outputs", 'autotools({ ...given, outputs: "dev" })'],
      ["a name in disallowedReferences", 'autotools({ ...given, disallowedReferences: ["openssl"] })'],
      ["a package for a way to get one", "autotools({ ...given, distribution: source })"],
      [
        "a misspelt field of a role",
        'serverRole({ name: "web", packages: { nginx }, program: ["nginx"], source, install: sh`` })',
      ],
      [
        "a program of a package that the role lacks",
        'serverRole({ name: "web", packages: { nginx }, programs: ["ngnix"], source, install: sh`` })',
      ],
      [
        "a folder's name for a role's files",
        'serverRole({ name: "web", packages: {}, programs: [], source: "./web", install: sh`` })',
      ],
      ["a misspelt field of a repackaged one", 'fromDebian({ name: "redis-server", hostPath: {} })'],
      ["a misspelt field of a tree", 'debianTree({ name: "mine", packages: ["bash"], link: {} })'],
      ["a package for a binary package's name", 'debianTree({ name: "mine", packages: [zlib] })'],
    ),
  },
  {
    title: "Reading what was chosen",
    of: "package",
    mistakes: mistakes(
      [
        "an option that was not stated",
        'autotools({ ...given, configure: ({ options }) => [options.tls && "--tls"] })',
      ],
      [
        "a misspelt option",
        'autotools({ ...given, options: { shared: option.flag(true) }, configure: ({ options }) => [options.shard && "--shared"] })',
      ],
      [
        "a flag itself as an argument",
        "autotools({ ...given, options: { tls: option.flag(true) }, configure: ({ options }) => [options.tls] })",
      ],
      [
        "a flag compared with a word",
        'autotools({ ...given, options: { tls: option.flag(true) }, configure: ({ options }) => [options.tls === "yes" && "--tls"] })',
      ],
      [
        "a choice compared with what it never is",
        'autotools({ ...given, options: { tls: option.choice(["no", "yes"], "no") }, configure: ({ options }) => [options.tls === "on" && "--tls"] })',
      ],
      [
        "an input that was not stated",
        "autotools({ ...given, inputs: { zlib }, configure: ({ inputs }) => [inputs.openssl] })",
      ],
      ["a field that functions are not told", "autotools({ ...given, configure: ({ host }) => [host] })"],
      [
        "an option that was not stated, in conflicts",
        'autotools({ ...given, options: { tls: option.flag(true) }, conflicts: ({ options }) => [options.ssl && "no"] })',
      ],
      [
        "a flag instead of a sentence, in conflicts",
        "autotools({ ...given, options: { tls: option.flag(true) }, conflicts: ({ options }) => [options.tls] })",
      ],
    ),
  },
  {
    title: "Stating options",
    of: "package",
    mistakes: mistakes(
      ["a value for an option", "autotools({ ...given, options: { tls: true } })"],
      [
        "a default that is none of the choices",
        'autotools({ ...given, options: { tls: option.choice(["no", "yes"], "on") } })',
      ],
      ["no choices", 'autotools({ ...given, options: { tls: option.choice([], "no") } })'],
      [
        "choices that could be any strings",
        'autotools({ ...given, options: { tls: option.choice("no yes".split(" "), "on") } })',
      ],
      ["a word for a flag's default", 'autotools({ ...given, options: { tls: option.flag("yes") } })'],
      ["a number for a text's default", "autotools({ ...given, options: { port: option.text(80) } })"],
    ),
  },
  {
    title: "Outputs",
    of: "value",
    mistakes: mistakes(
      ["an output that the package does not have", "zlib.outputs.doc"],
      ["the usual output of a package that is not split", "nginx.outputs.dev"],
      [
        "an output of a role",
        'serverRole({ name: "web", packages: {}, programs: [], source, install: sh`` }).outputs.dev',
      ],
      ["an output that a recipe did not state", 'autotools({ ...given, outputs: ["doc"] }).outputs.dev'],
    ),
  },
  {
    title: "Holes of scripts, argument vectors and JSON",
    of: "value",
    mistakes: mistakes(
      ["a plain object", "sh`echo ${{}}`"],
      ["a promise", 'sh`echo ${Promise.resolve("x")}`'],
      ["undefined", "sh`echo ${undefined}`"],
      ["true or false", "sh`echo ${nginx.version !== undefined}`"],
      ["a function", 'sh`echo ${() => "x"}`'],
      ["a builder", "sh`echo ${autotools}`"],
      ["a date", "sh`echo ${new Date(0)}`"],
      ["undefined within a list", 'sh`echo ${["x", undefined]}`'],
      ["what nothing is known of", 'sh`echo ${JSON.parse("{}")}`'],
      ["a string that should have been a template", 'sh("echo")'],
      ["a plain object in an argument vector", "argv`echo ${{}}`"],
      ["false in an argument vector", "argv`echo ${false}`"],
      ["undefined among texts", 'concat("x", undefined)'],
      ["a function in JSON", "json({ run: () => 1 })"],
      ["a date in JSON", "json({ at: new Date(0) })"],
      ["a promise in JSON", "json([Promise.resolve(1)])"],
      ["a map as JSON", 'json(new Map([["a", "b"]]))'],
      ["undefined as JSON", "json(undefined)"],
      ["what nothing is known of, as JSON", 'json(JSON.parse("{}"))'],
    ),
  },
  {
    title: "Secrets",
    of: "package",
    mistakes: mistakes(
      ["in the environment of a build", 'autotools({ ...given, env: { PASSWORD: secret("root") } })'],
      ["among arguments", 'autotools({ ...given, configure: () => [secret("root")] })'],
      ["in a build's script", 'autotools({ ...given, finish: () => sh`echo ${secret("root")}` })'],
      ["in an argument vector", 'autotools({ ...given, configure: () => argv`--password ${secret("root")}` })'],
      ["in JSON", 'autotools({ ...given, env: { config: json({ password: secret("root") }) } })'],
      ["as a source", 'autotools({ ...given, source: secret("root") })'],
    ),
  },
  {
    title: "Sources and files",
    of: "value",
    mistakes: mistakes(
      ["a source package without its file", 'debianSource({ package: "zlib" })'],
      ["a name alone", 'debianSource("zlib")'],
      ["a binary package without an architecture", 'debianBinary({ package: "zlib1g" })'],
      ["an npm package without a version", 'npmPackage({ package: "left-pad" })'],
      [
        "a repository with two revisions",
        'gitSource({ url: "https://example.org/x.git", ref: "v1", commit: "0".repeat(40) })',
      ],
      ["a URL object", 'fetchUrl(new URL("https://example.org/x.tar.gz"))'],
      ["a record for an address", 'fetchUrl({ url: "https://example.org/x.tar.gz" })'],
      ["a local file without the module", 'local("./fix.patch")'],
      ["a local file without its name", "local(import.meta)"],
    ),
  },
  {
    title: "Values do not change",
    of: "value",
    mistakes: mistakes(
      ["a package's name", '(zlib.name = "zlib-ng")'],
      ["a package's input", "(openldap.inputs.openssl = openssl)"],
      ["an option's default", "(nginx.spec.options!.tls.default = false)"],
      ["a field of a specification", '(openldap.spec.version = "3")'],
      ["taking an input away", "delete openldap.inputs.openssl"],
      ["adding an output", 'zlib.outputNames.push("doc")'],
    ),
  },
  {
    title: "Platforms and replacements",
    of: "package",
    mistakes: mistakes(
      ["a libc that there is not", 'zlib.for({ libc: "glibc" })'],
      ["a way to link that there is not", 'zlib.for({ link: "dynamic" })'],
      ["a platform's name alone", 'zlib.for("aarch64-linux")'],
      ["another machine to build on", 'zlib.for({ build: "aarch64-linux" })'],
      ["one pair instead of a list", "rewriteInputs(openldap, [openssl, zlib])"],
      ["half a pair", "rewriteInputs(openldap, [[openssl]])"],
      ["a name for a package", 'rewriteInputs(openldap, [[openssl, "zlib"]])'],
    ),
  },
  {
    title: "A workspace's policy",
    of: "policy",
    mistakes: mistakes(
      ["a misspelt field", "workspace({ option: [] })"],
      ["an option that the package does not have", "workspace({ options: [defaults(nginx, { http3: true })] })"],
      ["a word for a flag", 'workspace({ options: [defaults(nginx, { tls: "yes" })] })'],
      ["options for a package that has none", "workspace({ options: [defaults(zlib, { shared: true })] })"],
      ["options by name", "workspace({ options: { nginx: { tls: true } } })"],
      ["a name for a package that is preferred", 'workspace({ prefer: { distribution: ["nginx"] } })'],
      ["one pair instead of a list", "workspace({ replace: [openssl, zlib] })"],
      ["a word for a number", 'workspace({ jobs: "4" })'],
      ["one mirror instead of a list", 'workspace({ mirrors: { debian: "http://mirror.example.org" } })'],
    ),
  },
  {
    title: "What recipes have not",
    of: "value",
    mistakes: mistakes(
      ["the environment", "process.env.HOME"],
      ["the network", 'fetch("https://example.org")'],
      ["files by Node", 'require("node:fs")'],
      ["a timer", "setTimeout(() => 1, 1000)"],
      ["the folder's path", "`${__dirname.length}/x`"],
      ["printing", "console.log(zlib.name)"],
      ["random numbers by the machine", "crypto.randomUUID()"],
    ),
  },
];

/** What type-checks, and is refused when it is evaluated. */
export const EVALUATED: readonly Topic[] = [
  {
    title: "What types cannot tell",
    of: "package",
    mistakes: mistakes(
      ["no package as default export", "zlib.outputs.dev"],
      ["a hole within quotes", 'autotools({ ...given, prepare: sh`echo "${source}"` })'],
      ["a fetch that is not pinned", 'autotools({ ...given, source: fetchUrl("https://example.org/x.tar.gz") })'],
      [
        "a password in a repository's URL",
        'autotools({ ...given, source: gitSource({ url: "https://me:secret@example.org/x.git" }) })',
      ],
      ["a file that there is not", 'autotools({ ...given, patches: [local(import.meta, "./fix.patch")] })'],
      ["a file outside the workspace", 'autotools({ ...given, patches: [local(import.meta, "../../fix.patch")] })'],
      ["a name that no file could have", 'autotools({ ...given, name: "my/package" })'],
      [
        "options that contradict one another",
        'autotools({ ...given, options: { tls: option.flag(false), http2: option.flag(true) }, conflicts: ({ options }) => [options.http2 && !options.tls && "HTTP/2 needs TLS"] })',
      ],
      ["an option in a variable, misspelt beside a right one", "openldap.with({ options: chosen })"],
      ["a secret within a string", 'autotools({ ...given, configure: () => [`--password=${secret("root")}`] })'],
      ["a secret with a name that no file could have", 'autotools({ ...given, name: secret("Root Password").name })'],
      ["a value that was cast", "autotools({ ...given, configure: () => [undefined as unknown as string] })"],
      ["the clock", "autotools({ ...given, version: String(new Date().getFullYear()) })"],
      ["chance", "autotools({ ...given, version: String(Math.random()) })"],
      ["a locale", "autotools({ ...given, version: (1.5).toLocaleString() })"],
      [
        "an output that was cast",
        'autotools({ ...given, finish: sh`ls ${(zlib.outputs as typeof zlib.outputs & Record<"doc", OutputRef>).doc}` })',
      ],
    ),
  },
];

/** What evaluates, and fails while it is built. `given` is a project that installs `bin/mine`. */
export const BUILT: readonly Mistake[] = mistakes(
  ["a program that is not there at the end", 'make({ ...given, provides: { bins: ["mined"] } })'],
  ["a library that is not there at the end", 'make({ ...given, provides: { libs: ["mine"] } })'],
  ["a patch that does not apply", 'make({ ...given, patches: [local(import.meta, "./mine/wrong.patch")] })'],
  ["a command that fails", "make({ ...given, finish: sh`ls nowhere` })"],
  ["a variable that nobody set", 'make({ ...given, finish: sh`rm -r "$nowhere/x"` })'],
  ["the network", "make({ ...given, finish: sh`exec 3<>/dev/tcp/192.0.2.1/80` })"],
  [
    "a script for the host's interpreter",
    "make({ ...given, finish: sh`sed -i '1s|.*|#!/usr/bin/perl|' \"$out/bin/mine\"` })",
  ],
  [
    "what must not be referred to",
    'make({ ...given, disallowedReferences: [sandbox], finish: sh`echo ${sandbox} > "$out/note"` })',
  ],
  ["set-user-id bits", 'make({ ...given, finish: sh`chmod u+s "$out/bin/mine"` })'],
  ["an output that nobody made", `plain({ outputs: ["out", "doc"], script: 'echo > "$out"' })`],
);
