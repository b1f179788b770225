import { describe, expect, it } from "vitest";
import type { EvaluatorFailure, Place } from "./failure.ts";
import { renderEvaluatorFailure, renderNotice } from "./render.ts";

const place: Place = {
  file: "derivations/app.ts",
  line: 3,
  column: 11,
  length: 6,
  excerpt: "  import x from 'lodash'",
};

describe("a failure reads", () => {
  it.each<[EvaluatorFailure, string]>([
    [
      { _tag: "NoWorkspace", from: "/home/me", explicit: false },
      "no cab.config.ts and no derivations/ in /home/me or any folder above it\n  remedy: make a folder derivations/ with a recipe in it",
    ],
    [
      { _tag: "UnknownRecipes", unknown: [{ name: "openldp", nearest: ["openldap"] }], folders: ["/w/derivations"] },
      "there is no recipe named openldp in /w/derivations\n  remedy: did you mean openldap?",
    ],
    [
      { _tag: "DuplicateRecipe", name: "zlib", files: ["a/zlib.ts", "b/zlib.ts"] },
      "two recipes are named zlib:\n  a/zlib.ts\n  b/zlib.ts\n  remedy: rename one of the files: a file's base name is its recipe's name",
    ],
    [
      {
        _tag: "BadModules",
        faults: [
          { _tag: "SyntaxError", place: { ...place, column: 3 }, message: 'Unexpected "x"' },
          { _tag: "ForbiddenImport", place, specifier: "lodash", reason: "no", remedy: "copy it" },
        ],
      },
      `derivations/app.ts:3:3
    import x from 'lodash'
    ~~~~~~
Unexpected "x"

derivations/app.ts:3:11
    import x from 'lodash'
            ~~~~~~
cannot import lodash: no
  remedy: copy it`,
    ],
    [
      { _tag: "ImportCycle", files: ["a.ts", "b.ts", "a.ts"] },
      "these modules import each other in a circle:\n  a.ts\n  → b.ts\n  → a.ts\n  remedy: take one import out; what two of them share goes into a third module",
    ],
    [
      {
        _tag: "RecipeThrew",
        name: "TypeError",
        message: "bad",
        place: { ...place, length: 1 },
        stack: [
          { function: "f", file: "derivations/app.ts", line: 3, column: 11 },
          { function: "", file: "derivations/b.ts", line: 9, column: 1 },
        ],
      },
      "derivations/app.ts:3:11\n    import x from 'lodash'\n            ~\nTypeError: bad\n  at derivations/b.ts:9:1",
    ],
    [{ _tag: "RecipeThrew", name: "", message: "stop", place: null, stack: [] }, "the recipe threw stop"],
    [
      { _tag: "NotLocked", missing: [{ key: "npm:a@1", wantedBy: ["a", "b"] }], place: null },
      "cab.lock does not say what these fetches are:\n  npm:a@1, wanted by a, b\n  remedy: cab lock",
    ],
    [
      {
        _tag: "RecipeRefused",
        failure: { _tag: "BadRecipe", reason: "no", remedy: "yes" },
        place: { file: "a.ts", line: 1, column: 29, length: 3, excerpt: "x('https://me:s3cret@host') + bad" },
      },
      "a.ts:1:29\n    x('https://………………………@host') + bad\n                                ~~~\nno\n  remedy: yes",
    ],
    [
      { _tag: "BadLock", file: "cab.lock", line: 7, reason: "an unresolved merge conflict" },
      "cab.lock:7\nan unresolved merge conflict; only cab lock writes this file\n  remedy: keep both sides of a conflict, sorted, one pin a line; or restore the file, then: cab lock",
    ],
    [
      { _tag: "LocalMissing", file: "derivations/a.cnf", nearest: ["a.conf"], place: null },
      "derivations/a.cnf does not exist\n  remedy: did you mean a.conf?",
    ],
    [{ _tag: "Unreadable", file: "/w/x", code: "EACCES" }, "/w/x cannot be read (EACCES)\n  remedy: ls -ld /w/x"],
  ])("%j", (failure, text) => {
    expect(renderEvaluatorFailure(failure)).toBe(text);
  });

  it("with a notice for an overridden recipe", () => {
    expect(
      renderNotice({
        _tag: "Overridden",
        name: "zlib",
        file: "derivations/zlib.ts",
        shipped: "@cab/derivations/zlib.ts",
      }),
    ).toBe("zlib: derivations/zlib.ts is used instead of @cab/derivations/zlib.ts");
  });
});
