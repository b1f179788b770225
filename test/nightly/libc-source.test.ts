/**
 * Packages with libc from source: what the distribution's libc cannot do (locales, character sets), in a process that
 * loads nothing of the host, and the whole directory server. Nightly, since glibc takes minutes to build.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { ADMIN, startDirectory } from "../e2e/directory-server.ts";
import { mappedFiles } from "../e2e/processes.ts";
import {
  type CabOptions,
  cab,
  closureFolders,
  type RealiseReport,
  realise,
  removeFolder,
  temporaryFolder,
  workspace,
} from "../e2e/support.ts";

const folder = temporaryFolder("libc-source");
const root = join(folder, "root");
afterAll(() => removeFolder(folder));

const cwd = workspace(join(folder, "workspace"), {
  "derivations/words.ts": `import { local } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";
import zlib from "@cab/derivations/libraries/zlib.ts";

export default make({
  name: "words",
  version: "1.0",
  source: local(import.meta, "./words"),
  inputs: { zlib },
  outputs: [],
  install: ({ out }) => ["install", \`PREFIX=\${out}\`],
  provides: { bins: ["words", "threads"] },
}).for({ libc: "source" });
`,
  "derivations/words/Makefile": `all: words threads

words: words.c
	$(CC) $(CFLAGS) -Wall -Wextra -Werror -o $@ $< -lz

threads: threads.cc
	$(CXX) $(CXXFLAGS) -Wall -Wextra -Werror -pthread -o $@ $<

install: all
	mkdir -p $(PREFIX)/bin
	cp words threads $(PREFIX)/bin
`,
  "derivations/words/words.c": `#define _GNU_SOURCE
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>
#include <zlib.h>

static void convert(const char *to, const char *from, char *text, size_t length) {
  char room[64], *at = room;
  size_t left = sizeof room;
  iconv_t descriptor = iconv_open(to, from);
  printf("%s to %s:", from, to);
  if (descriptor == (iconv_t)-1 || iconv(descriptor, &text, &length, &at, &left) == (size_t)-1) {
    puts(" no");
    return;
  }
  for (char *byte = room; byte < at; byte++) printf(" %02x", (unsigned char)*byte);
  puts("");
  iconv_close(descriptor);
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "searching")) {
    setenv("LD_DEBUG", "libs", 1);
    execl("/proc/self/exe", argv[0], NULL);
    return 1;
  }
  printf("locale: %s\\n", setlocale(LC_ALL, "C.UTF-8"));
  printf("codeset: %s\\n", nl_langinfo(CODESET));
  wchar_t wide[16];
  size_t characters = mbstowcs(wide, "\\xc3\\xbc\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80", 16);
  printf("wide: %zu, %d columns\\n", characters, wcswidth(wide, characters));
  char narrow[16];
  wide[0] = towupper(wide[0]);
  size_t length = wcstombs(narrow, wide, sizeof narrow);
  printf("narrow: %.*s\\n", (int)length, narrow);
  convert("UTF-16LE", "UTF-8", "\\xc3\\xbc\\xf0\\x9f\\x98\\x80", 6);
  convert("UTF-8", "UTF-16BE", "\\x20\\xac", 2);
  convert("ISO-8859-1", "UTF-8", "\\xc3\\xbc", 2);
  convert("UTF-8", "ISO-8859-1", "\\xfc", 1);
  convert("KOI8-R", "UTF-8", "\\xd0\\x96", 2);
  printf("zlib: %s\\n", zlibVersion());
  FILE *maps = fopen("/proc/self/maps", "r");
  for (char line[512]; fgets(line, sizeof line, maps);)
    if (strchr(line, '/')) printf("mapped: %s", strchr(line, '/'));
  return 0;
}
`,
  "derivations/words/threads.cc": `#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <pthread.h>
#include <stdexcept>
#include <string>

static void *leave(void *) {
  try {
    throw std::runtime_error(std::to_string(std::lround(std::cos(0.0))));
  } catch (const std::exception &thrown) {
    std::cout << "caught: " << thrown.what() << std::endl;
  }
  pthread_exit(nullptr);
}

int main() {
  pthread_t thread;
  pthread_create(&thread, nullptr, leave, nullptr);
  pthread_join(thread, nullptr);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (auto at = line.find('/'); at != std::string::npos) std::cout << "mapped: " << line.substr(at) << std::endl;
}
`,
  // By this name on the command line from here on, and in what drives the server.
  "derivations/ldap-server.ts": `import ldapServer from "@cab/derivations/roles/ldap-server.ts";
export default ldapServer.for({ libc: "source" });
`,
});

const LOCALE = [
  ...["LC_ADDRESS", "LC_COLLATE", "LC_CTYPE", "LC_IDENTIFICATION", "LC_MEASUREMENT", "LC_MESSAGES/SYS_LC_MESSAGES"],
  ...["LC_MONETARY", "LC_NAME", "LC_NUMERIC", "LC_PAPER", "LC_TELEPHONE", "LC_TIME"],
];

/** The hash changes whenever anything below does. */
const withoutHash = (text: string): string => text.replace(/\/cab\/store\/[0-9a-z]{32}-/g, "");

/** What a program printed, and the distinct files that it said were mapped. */
function printed(stdout: string): { readonly lines: string[]; readonly mapped: string[] } {
  const lines = withoutHash(stdout).trimEnd().split("\n");
  return {
    lines: lines.filter((line) => !line.startsWith("mapped: ")),
    mapped: [...new Set(lines.flatMap((line) => /^mapped: (.*)/.exec(line)?.[1] ?? []))].sort(),
  };
}

describe("a program built with make", () => {
  beforeAll(() => realise(["words"], { root, cwd }));

  test("has UTF-8 locales and character sets, and maps one libc and nothing of the host", async () => {
    const { code, stdout, stderr } = await cab(["run", "words", "words"], { root, cwd });
    expect({ code, stderr, ...printed(stdout) }).toEqual({
      code: 0,
      stderr: "",
      lines: [
        "locale: C.UTF-8",
        "codeset: UTF-8",
        "wide: 3, 4 columns",
        "narrow: Ü€😀",
        "UTF-8 to UTF-16LE: fc 00 3d d8 00 de",
        "UTF-16BE to UTF-8: e2 82 ac",
        "UTF-8 to ISO-8859-1: fc",
        "ISO-8859-1 to UTF-8: c3 bc",
        "UTF-8 to KOI8-R: no",
        "zlib: 1.2.13",
      ],
      mapped: [
        ...["glibc-2.36/lib/gconv/ISO8859-1.so", "glibc-2.36/lib/gconv/UTF-16.so"],
        ...["glibc-2.36/lib/ld-linux-x86-64.so.2", "glibc-2.36/lib/libc.so.6"],
        ...LOCALE.map((category) => `glibc-2.36/lib/locale/C.utf8/${category}`),
        ...["words-1.0/bin/words", "zlib-1.2.13/lib/libz.so.1.2.13"],
      ],
    });
  });

  test("throws, ends threads and links C++ with that libc too", async () => {
    const { code, stdout, stderr } = await cab(["run", "words", "threads"], { root, cwd });
    expect({ code, stderr, ...printed(stdout) }).toEqual({
      code: 0,
      stderr: "",
      lines: ["caught: 1"],
      mapped: [
        ...["glibc-2.36/lib/ld-linux-x86-64.so.2", "glibc-2.36/lib/libc.so.6", "glibc-2.36/lib/libgcc_s.so.1"],
        ...["glibc-2.36/lib/libm.so.6", "glibc-2.36/lib/libstdc++.so.6", "words-1.0/bin/threads"],
      ],
    });
  });

  test("is searched libraries for in the store alone", async () => {
    const { code, stderr } = await cab(["run", "words", "words", "searching"], { root, cwd });
    const looked = [...stderr.matchAll(/(?:trying file|search cache|search path)=(\S*)/g)].flatMap(
      ([, paths]) => paths?.split(":") ?? [],
    );
    expect(code).toBe(0);
    expect(looked.length).toBeGreaterThan(0);
    expect(looked.filter((path) => !path.startsWith("/cab/store/"))).toEqual([]);
  });
});

describe("the directory server", () => {
  const state = join(cwd, "state");
  const options: CabOptions = { root, cwd };
  let report: RealiseReport;

  beforeAll(async () => {
    mkdirSync(state);
    report = await realise(["ldap-server"], options);
    await cab(["push", "--build-closure", inject("cache"), "ldap-server"], options);
  });

  test("has a closure with one libc, and nothing to compile with", () => {
    const names = closureFolders(root, report.outputs["ldap-server"]?.out ?? "").map((object) =>
      object.split("/").at(-1)?.slice(33),
    );
    expect(names.sort()).toEqual(
      [
        ...["busybox-1.35.0", "cyrus-sasl-2.1.28", "glibc-2.36", "ldap-server", "libtool-2.4.7"],
        ...["openldap-2.5.13", "openssl-3.0.20", "zlib-1.2.13"],
      ].sort(),
    );
  });

  test("answers, and maps nothing from outside the store but its own data", async () => {
    const server = await startDirectory(state, options);
    const bind = ["-x", "-H", server.url, "-D", ADMIN, "-w", "secret"];
    const found = await server.tool("ldapsearch", "-LLL", ...bind, "(uid=u7)", "cn");
    const foreign = mappedFiles(server.pid).filter(
      (file) =>
        !file.startsWith("/cab/") && !file.startsWith(join(root, "store/")) && !file.startsWith(join(root, "state/")),
    );
    expect(found).toMatchObject({ code: 0, stdout: "dn: uid=u7,ou=people,dc=example,dc=org\ncn: User 7\n\n" });
    expect(foreign).toEqual([]);
    expect(await server.stop()).toBe(0);
  });
});
