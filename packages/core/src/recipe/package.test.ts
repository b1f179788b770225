import { describe, expect, expectTypeOf, test } from "vitest";
import { type Derivation, type DrvHash, placeholder } from "../derivation.ts";
import { nativePlatform } from "../platform.ts";
import { scratchPath } from "../store-path.ts";
import { instantiated } from "../testing/instantiated.ts";
import { RecipeError } from "./failure.ts";
import { type InstantiateHost, instantiate } from "./instantiate.ts";
import { type OptionSpecs, option } from "./option.ts";
import {
  type AnyPackage,
  contentAddressed,
  definePackage,
  fullName,
  type PackageSpec,
  type Packages,
} from "./package.ts";
import { sh } from "./shell.ts";
import { local } from "./source.ts";
import type { Hole } from "./text.ts";

/** A builder as a recipe would call one: inputs, flags from options, patches. */
interface Spec<O extends OptionSpecs, I extends Packages> extends PackageSpec<O, I> {
  readonly flags?: readonly string[];
  readonly patches?: readonly AnyPackage[];
}

const make = <O extends OptionSpecs, I extends Packages>(spec: Spec<O, I>) =>
  definePackage<O, I, Spec<O, I>, "out" | "dev">({ ...spec, outputs: ["dev"] }, ({ spec: own, options, inputs }) => ({
    name: fullName(own),
    builder: "/bin/sh",
    args: ["-c", sh`make ${own.flags ?? []} ${Object.entries(options).map(([key, value]) => `${key}=${value}`)}`],
    env: { inputs: Object.values<AnyPackage>(inputs), patches: own.patches ?? [] },
    rootfs: null,
    outputs: contentAddressed(["out", "dev"]),
  }));

const host: InstantiateHost = {
  platform: nativePlatform("x86_64-linux"),
  pin: () => ({ _tag: "File", url: "https://example.org/x", size: 1, algo: "sha256", digest: "a".repeat(64) }),
  local: () => ({ mode: "flat", digest: "b".repeat(64) }),
};

const hashOf = (of: AnyPackage): DrvHash => instantiate([of], host).roots[0] as DrvHash;
const derivationOf = (of: AnyPackage): Derivation => {
  const { roots, derivations } = instantiated([of], host);
  return derivations.get(roots[0] as DrvHash) as Derivation;
};
const failureOf = (work: () => unknown) => {
  try {
    work();
  } catch (e) {
    if (e instanceof RecipeError) return e.failure;
    throw e;
  }
  return undefined;
};

const zlib = make({ name: "zlib", version: "1.3" });
const openssl = make({ name: "openssl", version: "3.0" });
const curl = make({
  name: "curl",
  version: "8.1",
  inputs: { zlib, openssl },
  options: { ipv6: option.flag(true), tls: option.choice(["openssl", "none"], "openssl"), ca: option.text("/etc/ssl") },
});

/** `length` packages, each with the one before as its only input. */
function chain(length: number): AnyPackage {
  let deep: AnyPackage = zlib;
  for (let i = 1; i < length; i++) deep = make({ name: `p${i}`, inputs: { deep } });
  return deep;
}

describe("with", () => {
  test("chooses options, the last choice winning", () => {
    expect(derivationOf(curl).args[1]).toBe("make  ipv6=true tls=openssl ca=/etc/ssl");
    const changed = curl.with({ options: { ipv6: false, tls: "none" } }).with({ options: { ipv6: true } });
    expect(derivationOf(changed).args[1]).toBe("make  ipv6=true tls=none ca=/etc/ssl");
  });

  test("replaces inputs, and leaves the original alone", () => {
    const patched = zlib.override((draft) => {
      draft.flags = ["CFLAGS=-O3"];
    });
    const changed = curl.with({ inputs: { zlib: patched } });
    expect(changed.inputs.zlib).toBe(patched);
    expect(Object.keys(derivationOf(changed).inputDrvs).sort()).toEqual([hashOf(patched), hashOf(openssl)].sort());
    expect(Object.keys(derivationOf(curl).inputDrvs).sort()).toEqual([hashOf(zlib), hashOf(openssl)].sort());
  });

  test.each([
    ["ipv6", "yes", 'curl was given the option ipv6 = "yes"', "give true or false"],
    ["tls", "gnutls", 'curl was given the option tls = "gnutls"', "give one of openssl, none"],
    ["ca", 1, "curl was given the option ca = 1", "give a string"],
    ["ipv4", true, "curl was given the option ipv4 = true", "curl has these options: ipv6, tls, ca"],
    ["constructor", true, "curl was given the option constructor = true", "curl has these options: ipv6, tls, ca"],
  ])("refuses %s = %j", (name, value, reason, remedy) => {
    const wrong = curl.with({ options: { [name]: value } as never });
    expect(failureOf(() => hashOf(wrong))).toEqual({ _tag: "BadRecipe", reason, remedy });
  });

  test("says what there is, or that there is nothing", () => {
    expect(failureOf(() => hashOf(zlib.with({ options: { tls: true } as never })))).toEqual({
      _tag: "BadRecipe",
      reason: "zlib was given the option tls = true",
      remedy: "zlib has no options",
    });
    expect(failureOf(() => zlib.with({ inputs: { curl } as never }))).toEqual({
      _tag: "BadRecipe",
      reason: "zlib has no input named curl",
      remedy: "zlib has no inputs",
    });
    expect(failureOf(() => curl.with({ inputs: { zlip: zlib } as never }))).toEqual({
      _tag: "BadRecipe",
      reason: "curl has no input named zlip",
      remedy: "its inputs are zlib, openssl",
    });
  });
});

describe("override", () => {
  const patch = local({ url: "cab:///ws/libraries/zlib.ts" }, "./fix.patch");

  test("and with compose, in either order, to the same derivation", () => {
    const one = curl.with({ options: { ipv6: false } }).override((draft) => {
      draft.flags = ["V=1"];
    });
    const other = curl
      .override((draft) => {
        draft.flags = ["V=1"];
      })
      .with({ options: { ipv6: false } });
    expect(hashOf(one)).toBe(hashOf(other));
    expect(hashOf(one)).not.toBe(hashOf(curl));
    expect(one.inputs.zlib).toBe(zlib);
  });

  test("equal ones are one derivation, and metadata is no part of it", () => {
    const patched = () =>
      zlib.override((draft) => {
        draft.patches = [patch];
      });
    const described = zlib.override((draft) => {
      draft.description = "compresses";
    });
    const { roots, encodings } = instantiate([patched(), patched(), described, zlib], host);
    expect(roots).toEqual([roots[0], roots[0], roots[2], roots[2]]);
    // zlib, zlib with its patch, the patch
    expect(encodings.size).toBe(3);
  });

  test("of the version renames every path", () => {
    const newer = zlib.override((draft) => {
      draft.version = "1.4";
    });
    expect(newer.version).toBe("1.4");
    expect(derivationOf(newer)).toMatchObject({ name: "zlib-1.4", env: { out: scratchPath("zlib-1.4", "out") } });
  });

  test("takes packages for values: it does not walk into them, however deep", () => {
    const deep = chain(20_000);
    const top = make({ name: "top", inputs: { deep }, patches: [patch] });
    const changed = top.override((draft) => {
      draft.patches?.push(patch);
    });
    expect(changed.spec.patches?.every((of) => of === patch)).toBe(true);
    expect(changed.inputs.deep).toBe(deep);
  });
});

describe("instantiating", () => {
  test("writes everything out", () => {
    const zlibHash = hashOf(zlib);
    expect(derivationOf(make({ name: "app", inputs: { zlib }, description: "an app" }))).toEqual({
      name: "app",
      system: "x86_64-linux",
      builder: "/bin/sh",
      args: ["-c", "make  "],
      env: {
        out: scratchPath("app", "out"),
        dev: scratchPath("app", "dev"),
        inputs: placeholder(zlibHash, "out", "zlib-1.3"),
        patches: "",
      },
      rootfs: null,
      sandbox: "cab-sandbox@1",
      inputDrvs: { [zlibHash]: ["out"] },
      inputSrcs: [],
      outputs: { out: { _tag: "ContentAddressed" }, dev: { _tag: "ContentAddressed" } },
    });
  });

  const custom = (over: Partial<ReturnType<AnyPackage["derive"]>>): AnyPackage =>
    definePackage({ name: "app" }, () => ({
      name: "app",
      builder: "/bin/sh",
      env: {},
      rootfs: null,
      outputs: contentAddressed(["out"]),
      ...over,
    }));

  test("each output that is named anywhere is an input, once; a root file system is none", () => {
    const seed = custom({ name: "seed" });
    const app = custom({
      builder: sh`${zlib}/bin/sh`,
      args: [zlib, sh`${zlib.outputs.dev}`],
      env: { again: [zlib, zlib.outputs.dev], none: undefined },
      rootfs: seed,
    });
    expect(derivationOf(app)).toMatchObject({
      inputDrvs: { [hashOf(zlib)]: ["dev", "out"] },
      rootfs: { drv: hashOf(seed), output: "out" },
      builder: `${placeholder(hashOf(zlib), "out", "zlib-1.3")}/bin/sh`,
    });
    expect(Object.keys(derivationOf(app).env)).toEqual(["again", "out"]);
    expect(Object.keys(derivationOf(custom({ rootfs: seed, args: [seed] })).inputDrvs)).toEqual([hashOf(seed)]);
  });

  test.each(["doc", "constructor", "__proto__"])("refuses the output %s, which its package has not", (output) => {
    const app = custom({ args: [{ _tag: "OutputRef", package: zlib, output }] });
    expect(failureOf(() => hashOf(app))).toEqual({
      _tag: "BadRecipe",
      reason: `app uses the output ${output} of zlib-1.3, which does not exist`,
      remedy: "zlib-1.3 has: dev, out",
    });
  });

  const long = "x".repeat(198);
  test.each<[string, Parameters<typeof custom>[0], string]>([
    ["a name", { name: "my app" }, '"my app"'],
    ["a name that is too long", { name: `${long}yyy` }, `"${long}yyy"`],
    ["an output", { outputs: contentAddressed(["a/b"]) }, '"app-a/b"'],
    ["name and output together", { name: long, outputs: contentAddressed(["dev"]) }, `"${long}-dev"`],
  ])("refuses %s that cannot be part of a store path", (_, over, spelt) => {
    expect(failureOf(() => hashOf(custom(over)))).toMatchObject({
      _tag: "BadRecipe",
      reason: `${spelt} cannot be part of a store path`,
    });
  });

  test("names a cycle from its first package back to itself", () => {
    const loop = (name: string, next: () => Hole): AnyPackage =>
      definePackage({ name }, () => ({
        name,
        builder: "/bin/sh",
        args: [next()],
        env: {},
        rootfs: null,
        outputs: contentAddressed(["out"]),
      }));
    const a: AnyPackage = loop("a", () => b);
    const b: AnyPackage = loop("b", () => c);
    const c: AnyPackage = loop("c", () => b);
    expect(failureOf(() => hashOf(a))).toEqual({ _tag: "DependencyCycle", cycle: ["b", "c", "b"] });
    const self: AnyPackage = loop("self", () => self);
    expect(failureOf(() => hashOf(self))).toEqual({ _tag: "DependencyCycle", cycle: ["self", "self"] });
  });

  test("derives each package once, however many want it", () => {
    let derived = 0;
    const shared = definePackage({ name: "shared" }, () => {
      derived++;
      return { name: "shared", builder: "/bin/sh", env: {}, rootfs: null, outputs: contentAddressed(["out"]) };
    });
    instantiate([make({ name: "a", inputs: { shared } }), make({ name: "b", inputs: { shared } }), shared], host);
    expect(derived).toBe(1);
  });

  test("goes 20,000 deep", () => {
    expect(instantiate([chain(20_000)], host).encodings.size).toBe(20_000);
  });
});

test("mistakes in options, inputs and holes do not type-check", () => {
  expectTypeOf(curl.with({ options: { tls: "none" } })).toEqualTypeOf(curl);
  expectTypeOf(curl.inputs).toEqualTypeOf<{ zlib: typeof zlib; openssl: typeof openssl }>();
  expectTypeOf(zlib.outputs.dev).toExtend<Hole>();
  const wrong = () => {
    // @ts-expect-error the option is called tls
    curl.with({ options: { tsl: "none" } });
    // @ts-expect-error no such choice
    curl.with({ options: { tls: "gnutls" } });
    // @ts-expect-error a flag
    curl.with({ options: { ipv6: "yes" } });
    // @ts-expect-error the input is called zlib
    curl.with({ inputs: { zlip: zlib } });
    // @ts-expect-error an input is a package
    curl.with({ inputs: { zlib: "zlib" } });
    // @ts-expect-error it has no such output
    zlib.outputs.doc;
    // @ts-expect-error the default is one of the choices
    option.choice(["a", "b"], "c");
    // @ts-expect-error a specification has no such field
    curl.override((draft) => draft.flag);
    // @ts-expect-error a promise is no package
    make({ name: "x", inputs: { zlib: Promise.resolve(zlib) } });
    // @ts-expect-error nor is it a hole
    sh`${Promise.resolve(zlib)}`;
    // @ts-expect-error a secret, a date, a record: none of them is a hole
    sh`${{ secret: "x" }}`;
  };
  expect(wrong).toBeTypeOf("function");
});
