/** The builders on small projects of a user's own: what a recipe of a few lines gets without a flag set by hand. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cab, fromCache, realise, removeFolder, temporaryFolder, workspace } from "./support.ts";

const folder = temporaryFolder("builders");
const root = join(folder, "root");
afterAll(() => removeFolder(folder));

const cwd = workspace(join(folder, "workspace"), {
  "derivations/greet.ts": `import { local } from "@cab/core";
import { cmake } from "@cab/derivations/lib/cmake.ts";

export default cmake({
  name: "greet",
  version: "1.0",
  source: local(import.meta, "./greet"),
  provides: { libs: ["greet"] },
});
`,
  "derivations/greet/CMakeLists.txt": `cmake_minimum_required(VERSION 3.20)
project(greet VERSION 1.0 LANGUAGES C)
add_library(greet SHARED greet.c)
set_target_properties(greet PROPERTIES VERSION 1.0 SOVERSION 1)
install(TARGETS greet LIBRARY DESTINATION lib)
install(FILES greet.h DESTINATION include)
file(WRITE \${CMAKE_BINARY_DIR}/greet.pc "prefix=\${CMAKE_INSTALL_PREFIX}\\nName: greet\\nDescription: greets\\nVersion: 1.0\\nLibs: -L\\\${prefix}/lib -lgreet\\nCflags: -I\\\${prefix}/include\\n")
install(FILES \${CMAKE_BINARY_DIR}/greet.pc DESTINATION lib/pkgconfig)
`,
  "derivations/greet/greet.h": "const char *greeting(void);\n",
  "derivations/greet/greet.c": '#include "greet.h"\nconst char *greeting(void) { return "hello from the store"; }\n',
  "derivations/hello.ts": `import { local, sh } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";
import greet from "./greet.ts";

export default make({
  name: "hello",
  version: "1.0",
  source: local(import.meta, "./hello"),
  inputs: { greet },
  outputs: [],
  configure: () => sh\`pkg-config --exists greet\`,
  install: ({ out }) => ["install", \`PREFIX=\${out}\`],
  provides: { bins: ["hello"] },
});
`,
  "derivations/hello/Makefile": `hello: hello.c
	$(CC) $(CFLAGS) -o $@ $< $$(pkg-config --cflags --libs greet)

install: hello
	mkdir -p $(PREFIX)/bin
	cp hello $(PREFIX)/bin
`,
  "derivations/hello/hello.c":
    "#include <greet.h>\n#include <stdio.h>\nint main(void) { puts(greeting()); return 0; }\n",
});

test("a program finds a CMake library's headers, pkg-config file and shared object, building and running", async () => {
  const report = await realise(["hello", "greet"], { root, cwd, args: fromCache() });
  const run = await cab(["run", "hello", "hello"], { root, cwd });
  expect(run).toMatchObject({ code: 0, stdout: "hello from the store\n" });
  const greet = join(root, "store", report.outputs.greet?.out?.slice("/cab/store/".length) ?? "");
  const dev = join(root, "store", report.outputs.greet?.dev?.slice("/cab/store/".length) ?? "");
  expect(readdirSync(greet)).toEqual(["lib"]);
  expect(existsSync(join(dev, "include/greet.h"))).toBe(true);
  expect(existsSync(join(dev, "lib/pkgconfig/greet.pc"))).toBe(true);
});

test("a source from a git repository builds like any other", async () => {
  const repository = join(folder, "hello.git");
  const own = workspace(join(folder, "from-git"), {
    "derivations/hello.ts": `import { gitSource, sh } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";

export default make({
  name: "hello",
  version: "1.0",
  source: ({ version }) => gitSource({ url: "file://${repository}", ref: \`v\${version}\` }),
  outputs: [],
  configure: () => sh\`test -x generate && test -L LICENCE\`,
  install: ({ out }) => ["install", \`PREFIX=\${out}\`],
});
`,
    "../hello.git/Makefile":
      "hello:\n\t./generate > hello\n\ninstall: hello\n\tmkdir -p $(PREFIX)/share\n\tcp hello $(PREFIX)/share\n",
    "../hello.git/generate": "#!/bin/sh\necho generated\n",
  });
  chmodSync(join(repository, "generate"), 0o755);
  symlinkSync("Makefile", join(repository, "LICENCE"));
  const git = (...args: string[]): Buffer =>
    execFileSync("git", ["-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.org", ...args]);
  for (const args of [
    ["init", "-q"],
    ["add", "."],
    ["commit", "-q", "-m", "x"],
    ["tag", "v1.0"],
  ])
    git(...args);
  expect(await cab(["lock"], { root, cwd: own })).toMatchObject({ code: 0 });
  const { outputs } = await realise(["hello"], { root, cwd: own, args: fromCache() });
  const out = join(root, "store", outputs.hello?.out?.slice("/cab/store/".length) ?? "");
  expect(readFileSync(join(out, "share/hello"), "utf8")).toBe("generated\n");
});

test("an option or input that a package does not have does not evaluate, and the message says what it has", async () => {
  const wrong = workspace(join(folder, "wrong"), {
    "derivations/it.ts": `import openldap from "@cab/derivations/servers/openldap.ts";
export default openldap.with({ options: { overlay: "none" } as never });
`,
  });
  const { code, stderr } = await cab(["eval", "it"], { root, cwd: wrong });
  expect(code).toBe(1);
  expect(stderr).toContain("derivations/it.ts:2");
  expect(stderr).toContain("overlays");
});
