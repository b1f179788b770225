import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RecipeError } from "./failure.ts";
import { type AnyPackage, contentAddressed, definePackage } from "./package.ts";
import { argv, raw, sh, shellQuote } from "./shell.ts";
import { concat, type Hole, json, type Text, text, toText } from "./text.ts";

const zlib: AnyPackage = definePackage({ name: "zlib", outputs: ["dev"] }, () => ({
  name: "zlib",
  builder: "/bin/sh",
  env: {},
  rootfs: null,
  outputs: contentAddressed(["out", "dev"]),
}));

/** With `<name.output>` where a path will stand. */
const shown = (of: Text): string =>
  of.parts.map((part) => (typeof part === "string" ? part : `<${part.package.name}.${part.output}>`)).join("");

const failureOf = (work: () => unknown) => {
  try {
    work();
  } catch (e) {
    if (e instanceof RecipeError) return e.failure;
    throw e;
  }
  return undefined;
};

const run = (script: Text): string => execFileSync("/bin/sh", ["-c", shown(script)], { encoding: "utf8" });

/** What can be an argument of a process: anything but NUL. */
const word = fc.oneof(
  fc.string({ unit: "binary" }).map((s) => s.replaceAll("\0", "")),
  fc.string({ unit: fc.constantFrom(..."a'\"\\$`!*?[]{}()<>|&;~# \t\n=%") }),
);

describe("sh", () => {
  test("gives a hole to the program as it is, whatever is in it", () =>
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(run(sh`printf '%s\n' ${a} "and" -x=${b}.`)).toBe(`${a}\nand\n-x=${b}.\n`);
      }),
      { numRuns: 200 },
    ));

  test("gives a list as several words", () =>
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        expect(run(sh`printf '<%s>' ${words}`)).toBe(words.map((of) => `<${of}>`).join(""));
      }),
      { numRuns: 100 },
    ));

  test("gives other text as it is, too: only code is code", () =>
    fc.assert(
      fc.property(word, (of) => {
        expect(run(sh`printf %s ${json({ a: [of] })}`)).toBe(JSON.stringify({ a: [of] }));
        expect(run(sh`printf %s ${concat(of, "|", of)}`)).toBe(`${of}|${of}`);
        expect(run(sh`printf '<%s>' ${argv`${of} ${of}`}`)).toBe(`<${of}><${of}>`);
      }),
      { numRuns: 100 },
    ));

  test("puts scripts and raw code in as they stand", () => {
    const step = sh`printf %s ${"a b"}`;
    expect(shown(sh`${step}; ${raw("echo $HOME | cat")}`)).toBe("printf %s 'a b'; echo $HOME | cat");
    expect(shown(sh`${[step, raw("true")]}`)).toBe("printf %s 'a b' true");
  });

  test("records packages and outputs, unquoted, and a package means its out", () => {
    const script = sh`cc -I${zlib.outputs.dev as Hole}/include -L${zlib}/lib ${["-O2", zlib]}`;
    expect(shown(script)).toBe("cc -I<zlib.dev>/include -L<zlib.out>/lib -O2 <zlib.out>");
  });

  test("is raw: a backslash is the shell's, and only \\` and \\${ are JavaScript's", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    expect(shown(sh`printf 'a\tb\\n' \`date\` \${HOME}`)).toBe("printf 'a\\tb\\\\n' `date` ${HOME}");
    expect(run(sh`printf '[\t]\\\n'`)).toBe("[\t]\\\n");
  });

  test("takes empty strings and lists: a word without characters, and no word", () => {
    expect(run(sh`printf '<%s>' ${""} ${[]} x`)).toBe("<><x>");
  });

  const x = "x";
  test.each<[string, () => unknown]>([
    ["double quotes", () => sh`echo "${x}"`],
    ["single quotes", () => sh`echo '${x}'`],
    ["double quotes", () => sh`echo 'a' "b $HOME ${x}"`],
    ["double quotes", () => sh`echo "it's ${x}"`],
    ["single quotes", () => sh`echo 'say "hi ${x}'`],
    ["double quotes", () => sh`echo \\"${x}"`],
    ["double quotes", () => sh`echo "$(printf "${x}")"`],
    ["double quotes", () => sh`echo "$(printf a) ${x}"`],
    ["a comment", () => sh`true # runs ${x}`],
    ["a comment", () => sh`true ;# runs ${x}`],
    [
      "single quotes",
      () => sh`# don't
      echo '${x}'`,
    ],
    ["double quotes", () => sh`echo ${x}#"${x}`],
    [
      "a here-document",
      () => sh`cat <<EOF
      ${x}
EOF`,
    ],
    [
      "a here-document",
      () => sh`cat > ${x} <<-'EOF'
      it's ${x}
EOF`,
    ],
    [
      "single quotes",
      () => sh`cat <<EOF
      it's
EOF
      echo '${x}'`,
    ],
  ])("refuses a hole inside %s", (where, script) => {
    expect(failureOf(script)).toEqual({
      _tag: "BadRecipe",
      reason: `a hole of sh\`…\` stands inside ${where}`,
      remedy:
        "move it outside: what stands in a hole is quoted already; raw(…) inserts code as it is, anywhere outside",
    });
  });

  test.each<[() => Text, string]>([
    [() => sh`echo \"${x}`, '"x'],
    [() => sh`echo \\${x}`, "\\x"],
    [() => sh`echo "it's" ${x}`, "it's x"],
    [() => sh`echo a#'b' ${x}`, "a#b x"],
    [() => sh`echo ${x}#${x}`, "x#x"],
    [
      () => sh`: "don't" # don't
      echo ${x}`,
      "x",
    ],
    [() => sh`echo "$(echo ${x})"`, "x"],
    [() => sh`echo $(echo "a") ${x}`, "a x"],
    [() => sh`(echo ${x})`, "x"],
    [() => sh`case a in a) echo ${x};; esac`, "x"],
    [
      () => sh`cat <<EOF ; echo ${x}
it's
EOF`,
      "it's\nx",
    ],
    [
      () => sh`cat <<EOF
it's
EOF
echo ${x}`,
      "it's\nx",
    ],
    [() => sh`test 1 -lt 2 && cat </dev/null; echo ${x}`, "x"],
  ])("takes a hole anywhere else: %s", (script, said) => {
    expect(run(script()).trimEnd()).toBe(said);
  });

  test("refuses what is undefined, which JavaScript would spell out", () => {
    // @ts-expect-error no hole
    expect(failureOf(() => sh`echo ${undefined}`)).toMatchObject({ reason: "undefined stands where text is wanted" });
    // @ts-expect-error no hole
    expect(failureOf(() => argv`echo ${undefined}`)).toMatchObject({ reason: "undefined stands where text is wanted" });
    // @ts-expect-error null is no hole either
    expect(() => sh`echo ${null}`).toThrow();
  });
});

test("a quoted word is what it was", () => {
  expect(["", "a", "a b", "it's", "--x=/y,z", "$HOME", "-n"].map(shellQuote)).toEqual([
    "''",
    "a",
    "'a b'",
    "'it'\\''s'",
    "--x=/y,z",
    "'$HOME'",
    "-n",
  ]);
});

describe("argv", () => {
  const words = (of: readonly Text[]): string[] => of.map(shown);
  const list = ["a b", "c"];

  test.each<[readonly Text[], readonly string[]]>([
    [argv``, []],
    [argv`slapd -d 0`, ["slapd", "-d", "0"]],
    [
      argv`  slapd
        -d\t0  `,
      ["slapd", "-d\\t0"],
    ],
    [argv`${zlib}/bin/x ${zlib.outputs.dev as Hole}`, ["<zlib.out>/bin/x", "<zlib.dev>"]],
    [argv`-b ${""} -s`, ["-b", "", "-s"]],
    [argv`${"a b"}`, ["a b"]],
    [argv`${list}`, ["a b", "c"]],
    [argv`x ${list} y`, ["x", "a b", "c", "y"]],
    [argv`--x=${list}`, ["--x=a b c"]],
    [argv`${list}/y`, ["a b c/y"]],
    [argv`${list}${"z"}`, ["a b cz"]],
    [argv`${"z"}${list}`, ["za b c"]],
    [argv`${list} ${list}`, ["a b", "c", "a b", "c"]],
    [argv`${[]}`, []],
    [argv`x ${[]} y`, ["x", "y"]],
    [argv`${["x", ["y", "z"]]}`, ["x", "y z"]],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    [argv`${1}${2} \${HOME} \`x\``, ["12", "${HOME}", "`x`"]],
    [argv`'a ${"b"}'`, ["'a", "b'"]],
  ])("%# is split at white space, and a hole belongs to the word that it touches", (given, expected) => {
    expect(words(given)).toEqual(expected);
  });

  test("needs no quoting: any word survives", () =>
    fc.assert(
      fc.property(fc.array(word), word, (several, one) => {
        expect(words(argv`cmd ${several} -x ${one} --y=${one}`)).toEqual(["cmd", ...several, "-x", one, `--y=${one}`]);
      }),
    ));
});

describe("json", () => {
  test("is what JSON.stringify writes", () =>
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        fc.pre(!JSON.stringify(value).includes('"_tag"'));
        expect(shown(json(value as never))).toBe(JSON.stringify(value));
      }),
    ));

  test("holds outputs as strings, and leaves out what is undefined", () => {
    expect(
      shown(json({ a: zlib, b: [zlib.outputs.dev as never, text('say "', "hi")], c: undefined, "d\n": null })),
    ).toBe('{"a":"<zlib.out>","b":["<zlib.dev>","say \\"hi"],"d\\n":null}');
  });
});

test("text puts a list's elements one space apart", () => {
  expect(shown(toText(["a", 1, [zlib, "b"], text("c", "d")]))).toBe("a 1 <zlib.out> b cd");
  expect(shown(concat("a", ["b", "c"], zlib))).toBe("ab c<zlib.out>");
});
