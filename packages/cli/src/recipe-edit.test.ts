import { map } from "fp-ts/lib/Either.js";
import { describe, expect, test } from "vitest";
import { versionLiteral, withSuite, withVersion } from "./recipe-edit.ts";

const ZLIB = `import { debianSource } from "@cab/core";
// version: "0.9" was too old, it's said
export default autotools({
  name: "zlib",
  version: "1.2.13",
  description: 'not version: "1"',
  source: ({ version }) => debianSource({ package: "zlib", file: \`zlib_\${version}.orig.tar.gz\` }),
});
`;

describe("the version of a recipe", () => {
  test("is the string behind its one version property", () => {
    expect(versionLiteral(ZLIB)).toMatchObject({ right: { version: "1.2.13", line: 5 } });
    const updated = map((literal: Parameters<typeof withVersion>[1]) => withVersion(ZLIB, literal, "1.3"))(
      versionLiteral(ZLIB),
    );
    expect(updated).toEqual({ _tag: "Right", right: ZLIB.replace('"1.2.13"', '"1.3"') });
  });

  test.each([
    ["x({ version: VERSION })", []],
    [`x({ version: \`1.$\{minor}\` })`, []],
    ["x({ ...{ version: '1' } });\n\ny({ version: '2' })", [1, 3]],
    ["/* version: '1'\n */", []],
  ])("%j has none, or more than one", (text, lines) => {
    expect(versionLiteral(text)).toEqual({ _tag: "Left", left: { lines } });
  });
});

describe("the suite of a recipe", () => {
  test("is added to its one source, or changed", () => {
    const added = ZLIB.replace("({ package", '({ suite: "trixie", package');
    expect(withSuite(ZLIB, "trixie")).toEqual({ _tag: "Right", right: added });
    expect(withSuite(added, "forky")).toEqual({ _tag: "Right", right: added.replace("trixie", "forky") });
  });

  test.each([
    ["fetchUrl('x')", []],
    ["debianSource({ a });\ndebianSource({ b })", [1, 2]],
    ["debianSource({ suite: 'a' });\ndebianSource({ b })", [1, 2]],
  ])("%j has none, or more than one", (text, lines) => {
    expect(withSuite(text, "trixie")).toEqual({ _tag: "Left", left: { lines } });
  });
});
