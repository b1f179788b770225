/** What must type-check, and as what: the other half of mistakes.ts. `tsc -p .` decides; nothing here runs but imports. */
import {
  type AnyPackage,
  argv,
  concat,
  debianSource,
  defaults,
  type Hole,
  json,
  type NoOptions,
  type NoPackages,
  type OutputRef,
  option,
  type Package,
  raw,
  rewriteInputs,
  type Secret,
  secret,
  sh,
  type Text,
  type Workspace,
  workspace,
} from "@cab/core";
import { autotools } from "@cab/derivations/lib/autotools.ts";
import { cmake } from "@cab/derivations/lib/cmake.ts";
import { make } from "@cab/derivations/lib/make.ts";
import { serverRole } from "@cab/derivations/lib/server-role.ts";
import openssl from "@cab/derivations/libraries/openssl.ts";
import zlib from "@cab/derivations/libraries/zlib.ts";
import nginx from "@cab/derivations/servers/nginx.ts";
import openldap from "@cab/derivations/servers/openldap.ts";
import { describe, expectTypeOf, test } from "vitest";

const source = debianSource({ package: "zlib", file: "zlib_1.2.13.dfsg.orig.tar.bz2" });
const given = { name: "mine", version: "1", source };

describe("a builder", () => {
  test("tells its functions the options and inputs that are stated beside them, in whatever order", () => {
    autotools({
      ...given,
      configure: ({ version, out, options, inputs }) => {
        expectTypeOf(version).toEqualTypeOf<string>();
        expectTypeOf(out).toEqualTypeOf<string>();
        expectTypeOf(options).toEqualTypeOf<{
          readonly tls: boolean;
          readonly log: "no" | "yes";
          readonly at: string;
        }>();
        expectTypeOf(inputs).toEqualTypeOf<{ readonly openssl: typeof openssl; readonly zlib: typeof zlib }>();
        return [];
      },
      options: { tls: option.flag(true), log: option.choice(["no", "yes"], "no"), at: option.text("/") },
      inputs: { openssl, zlib },
      conflicts: ({ options }) => [options.log === "yes" && !options.tls && "logs go over TLS"],
      env: ({ options }) => ({ TLS: options.tls ? "yes" : "no" }),
      prepare: ({ inputs }) => sh`ls ${inputs.zlib}`,
      finish: sh`true`,
    });
  });

  test("takes as arguments text, numbers, packages, outputs, lists of these, and false for none", () => {
    const configure = () => ["--x", 1, zlib, zlib.outputs.dev, ["a", ["b"]], raw("$x"), false as const];
    expectTypeOf(autotools({ ...given, configure })).toExtend<AnyPackage>();
    expectTypeOf(cmake({ ...given, configure })).toExtend<AnyPackage>();
    expectTypeOf(make({ ...given, make: configure, configure: () => sh`./configure` })).toExtend<AnyPackage>();
  });

  test("knows what a package without options and inputs has", () => {
    const plain = autotools(given);
    expectTypeOf(plain.inputs).toEqualTypeOf<NoPackages>();
    expectTypeOf(plain).toExtend<Package<NoOptions, NoPackages>>();
  });

  test("knows the outputs of a package", () => {
    expectTypeOf(autotools(given).outputs).toEqualTypeOf<{ readonly out: OutputRef; readonly dev: OutputRef }>();
    expectTypeOf(autotools({ ...given, outputs: [] }).outputs).toEqualTypeOf<{ readonly out: OutputRef }>();
    expectTypeOf(cmake({ ...given, outputs: ["dev", "doc"] }).outputs).toEqualTypeOf<{
      readonly out: OutputRef;
      readonly dev: OutputRef;
      readonly doc: OutputRef;
    }>();
    const role = serverRole({ name: "web", packages: { nginx }, programs: ["nginx"], source, install: sh`` });
    expectTypeOf(role.outputs).toEqualTypeOf<{ readonly out: OutputRef }>();
  });
});

describe("a changed copy", () => {
  test("has the type of the original", () => {
    expectTypeOf(openldap.with({ options: { overlays: "none" } })).toEqualTypeOf(openldap);
    expectTypeOf(openldap.with({ inputs: { openssl: zlib } })).toEqualTypeOf(openldap);
    expectTypeOf(openldap.for({ libc: "source" })).toEqualTypeOf(openldap);
    expectTypeOf(rewriteInputs(openldap, [[openssl, zlib]])).toEqualTypeOf(openldap);
  });

  test("by override drafts lists and records, and leaves packages and functions as values", () => {
    const changed = openldap.override((draft) => {
      expectTypeOf(draft.patches).toEqualTypeOf<AnyPackage[] | undefined>();
      expectTypeOf(draft.name).toEqualTypeOf<string>();
      expectTypeOf(draft.inputs?.openssl).toEqualTypeOf<typeof openssl | undefined>();
      expectTypeOf(draft.configure).toEqualTypeOf<(typeof openldap)["spec"]["configure"]>();
      draft.patches = [...(draft.patches ?? []), source];
      draft.provides = { bins: [] };
      draft.env = { CFLAGS: "-O0", tools: [source, ["x", 1]] };
      draft.configure = ({ options }) => [options.overlays === "mod" && "--enable-overlays=mod"];
    });
    expectTypeOf(changed).toEqualTypeOf(openldap);
  });
});

describe("an option", () => {
  test("has the type of its values", () => {
    expectTypeOf(option.flag(true).default).toEqualTypeOf<boolean>();
    expectTypeOf(option.text("x").default).toEqualTypeOf<string>();
    expectTypeOf(option.choice(["a", "b"], "a").default).toEqualTypeOf<"a" | "b">();
    const list = ["a", "b"] as const;
    expectTypeOf(option.choice(list, "b").default).toEqualTypeOf<"a" | "b">();
  });

  test("has a default in a workspace's policy", () => {
    const policy = workspace({
      options: [defaults(nginx, { http2: false }), defaults(openldap, { overlays: "none" })],
      replace: [[openssl, zlib]],
      prefer: { distribution: "all", source: [nginx] },
      jobs: 2,
      checkTypes: true,
    });
    expectTypeOf(policy).toEqualTypeOf<Workspace>();
  });
});

describe("a hole", () => {
  test("takes text, numbers, packages, outputs and lists of these", () => {
    const list: readonly (string | AnyPackage)[] = ["x", zlib];
    expectTypeOf(
      sh`${"x"} ${1} ${zlib} ${zlib.outputs.dev} ${list} ${[["x"], [zlib]]} ${sh``} ${[]}`,
    ).toEqualTypeOf<Text>();
    expectTypeOf(argv`${"x"} ${list}`).toEqualTypeOf<Text[]>();
    expectTypeOf(concat("x", zlib, list)).toEqualTypeOf<Text>();
    expectTypeOf(sh`${nginx.version === undefined ? [] : "--versioned"}`).toEqualTypeOf<Text>();
  });

  test("of JSON takes records, absent properties and interfaces too", () => {
    interface Row {
      readonly name: string;
      readonly size?: number;
    }
    const rows: readonly Row[] = [{ name: "x" }];
    expectTypeOf(json({ rows, zlib, none: undefined, list: [1, null, true, sh``] })).toEqualTypeOf<Text>();
  });

  test("takes no secret", () => {
    expectTypeOf(secret("root")).toEqualTypeOf<Secret>();
    expectTypeOf<Secret>().not.toExtend<Hole>();
    expectTypeOf<Secret>().not.toExtend<AnyPackage>();
  });
});
