import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, expect, test } from "vitest";
import { aptMirrors } from "./debian-mirrors.ts";

const folder = mkdtempSync(`${tmpdir()}/cab-apt-`);
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function mirrorsOf(files: Readonly<Record<string, string>>): string[] {
  const apt = `${folder}/${count++}`;
  mkdirSync(`${apt}/sources.list.d`, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(`${apt}/${name}`, text);
  return aptMirrors(apt);
}

test("no apt, no mirror", () => {
  expect(aptMirrors(`${folder}/none`)).toEqual([]);
  expect(mirrorsOf({})).toEqual([]);
});

test("one-line style: options, sources, comments; the main suite only", () => {
  const list = [
    "# deb http://commented/debian bookworm main",
    "deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://mirror.example/debian/ bookworm main contrib # note",
    "deb-src http://src.example/debian bookworm main",
    "deb http://sec.example/debian-security bookworm-security main",
    "deb http://upd.example/debian bookworm-updates main",
    "deb cdrom:[Debian]/ bookworm main",
    "deb https://download.example/linux/debian bookworm stable",
    "deb https://other.example/x nodistro main",
  ];
  expect(mirrorsOf({ "sources.list": list.join("\n") })).toEqual([
    "https://mirror.example/debian",
    "http://src.example/debian",
  ]);
});

test("deb822 style: several values, continuation lines, disabled stanzas, and files in order", () => {
  const debian = `Types: deb deb-src
# a comment
URIs: http://a.example/debian
 http://b.example/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
`;
  const last = "Types: deb\nURIs: http://z.example/debian\nSuites: sid\nComponents: main\n";
  expect(mirrorsOf({ "sources.list.d/z.sources": last, "sources.list.d/debian.sources": debian })).toEqual([
    "http://a.example/debian",
    "http://b.example/debian",
    "http://z.example/debian",
  ]);
});

test("what is Debian's for certain comes before what only might be", () => {
  const list = "deb http://vendor.example/packages stable main\ndeb http://x.example/debian stable main\n";
  expect(mirrorsOf({ "sources.list": list })).toEqual(["http://x.example/debian", "http://vendor.example/packages"]);
});

test("a mirror list file, as cloud images have it", () => {
  writeFileSync(`${folder}/mirrors`, "https://one.example/debian priority:1\n# no\nhttps://two.example/debian\n");
  const list = `deb mirror+file:${folder}/mirrors bookworm main\n`;
  expect(mirrorsOf({ "sources.list": list })).toEqual(["https://one.example/debian", "https://two.example/debian"]);
});
