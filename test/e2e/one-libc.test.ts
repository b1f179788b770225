/** A build whose output would run with another libc than the one it was linked with fails, and says where and why. */
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { cab, fromCache, removeFolder, temporaryFolder, workspace } from "./support.ts";

const folder = temporaryFolder("one-libc");
const root = join(folder, "root");
afterAll(() => removeFolder(folder));

const cwd = workspace(join(folder, "workspace"), {
  // The same bytes at another path: what counts is which object a process loads, not what is in it.
  "derivations/other-libc.ts": `import { contentAddressed, definePackage, sh } from "@cab/core";
import libc from "@cab/derivations/toolchain/libc.ts";
import seed from "@cab/derivations/toolchain/seed.ts";

export default definePackage({ name: "other-libc" }, () => ({
  name: "other-libc",
  builder: "/bin/bash",
  args: ["-ec", sh\`/usr/bin/mkdir "$out"; /usr/bin/cp -R \${libc}/lib "$out"\`],
  env: {},
  rootfs: seed,
  outputs: contentAddressed(["out"]),
}));
`,
  "derivations/mixed.ts": `import { concat, local } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";
import otherLibc from "./other-libc.ts";

export default make({
  name: "mixed",
  version: "1.0",
  source: local(import.meta, "./mixed"),
  inputs: { otherLibc },
  outputs: [],
  env: ({ inputs }) => ({ other: concat(inputs.otherLibc, "/lib") }),
  install: ({ out }) => ["install", \`PREFIX=\${out}\`],
});
`,
  "derivations/mixed/Makefile": `all: loader library

loader: main.c
	$(CC) -Wl,-dynamic-linker=$(other)/ld-linux-x86-64.so.2 -o $@ $<

library: main.c
	$(CC) -Wl,-rpath,$(other) -o $@ $<

install: all
	mkdir -p $(PREFIX)/bin
	cp loader library $(PREFIX)/bin
	echo 'see $(other)' > $(PREFIX)/note
`,
  "derivations/mixed/main.c": "int main(void) { return 0; }\n",
});

test("a program's loader, its libraries and what any file names are those of the one libc", async () => {
  const { code, stdout, stderr } = await cab(["realise", ...fromCache(), "mixed"], { root, cwd });
  const leaks = stderr
    .split("\n")
    .flatMap((line) => line.match(/leak: (.*); remedy: /)?.[1] ?? [])
    .map((leak) => leak.replace(/\/cab\/store\/[0-9a-z]{32}-/g, "…-"));
  expect({ code, stdout, leaks }).toEqual({
    code: 1,
    stdout: "",
    leaks: [
      "out/bin/library: names …-other-libc; expected no libc but …-libc-2.36",
      "out/bin/library: NEEDED libc.so.6, found first as …-other-libc/lib/libc.so.6; expected that of …-libc-2.36",
      "out/bin/loader: names …-other-libc; expected no libc but …-libc-2.36",
      "out/bin/loader: interpreter …-other-libc/lib/ld-linux-x86-64.so.2; expected the loader of …-libc-2.36",
      "out/note: names …-other-libc; expected no libc but …-libc-2.36",
    ],
  });
});
