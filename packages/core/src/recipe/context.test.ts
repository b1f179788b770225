import { describe, expect, test } from "vitest";
import type { Derivation, DrvHash } from "../derivation.ts";
import { nativePlatform } from "../platform.ts";
import { instantiated } from "../testing/instantiated.ts";
import type { PackageOptions } from "./choose-options.ts";
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
  rewriteInputs,
} from "./package.ts";
import { asWorkspace, defaults, type WorkspaceSpec, workspace } from "./policy.ts";
import { forBuild, type Hole } from "./text.ts";

interface Spec<O extends OptionSpecs, I extends Packages> extends PackageSpec<O, I> {
  readonly flags?: readonly string[];
  readonly tools?: readonly AnyPackage[];
}

/** Its derivation shows everything that a context decides: platform, options, and the versions of its inputs. */
const make = <O extends OptionSpecs, I extends Packages>(spec: Spec<O, I>) =>
  definePackage<O, I, Spec<O, I>>(spec, ({ spec: own, options, inputs }, { platform }) => ({
    name: fullName(own),
    builder: "/bin/sh",
    args: [platform.libc, ...(own.flags ?? []), ...Object.entries(options).map(([key, value]) => `${key}=${value}`)],
    env: {
      versions: Object.values<AnyPackage>(inputs).map(({ name, version }) => `${name}-${version}`),
      inputs: Object.values<AnyPackage>(inputs),
      tools: (own.tools ?? []).map((tool): Hole => forBuild(tool)),
    },
    rootfs: null,
    outputs: contentAddressed(["out"]),
  }));

const host: InstantiateHost = {
  platform: nativePlatform("x86_64-linux"),
  pin: () => expect.fail("nothing is fetched"),
  local: () => expect.fail("nothing is local"),
};

interface Tree {
  readonly [name: string]: Tree;
}

/** The whole graph below a package, by derivation names and arguments. */
function treeOf(root: AnyPackage, policy: WorkspaceSpec = {}): Tree {
  const { roots, derivations } = instantiated([root], { ...host, policy: workspace(policy) });
  const below = (hash: DrvHash): Tree => {
    const { name, args, inputDrvs } = derivations.get(hash) as Derivation;
    return { [[name, ...args].join(" ")]: Object.assign({}, ...(Object.keys(inputDrvs) as DrvHash[]).map(below)) };
  };
  return below(roots[0] as DrvHash);
}

function failureOf(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (error instanceof RecipeError) return { ...error.failure, madeAt: Reflect.get(error, "madeAt") as Error };
    throw error;
  }
  return undefined;
}

const zlib = make({ name: "zlib", version: "1" });
const openssl = make({ name: "openssl", version: "3", inputs: { zlib }, options: { legacy: option.flag(true) } });
const sasl = make({ name: "sasl", version: "2", inputs: { openssl } });
const ldap = make({ name: "ldap", version: "2", inputs: { openssl, sasl } });
const patched = openssl.override((draft) => {
  draft.version = "4";
});

const D = "distribution";

describe("rewriteInputs", () => {
  test("puts the replacement wherever the package is used below the root, and tells recipes of it", () => {
    const role = make({ name: "role", inputs: { ldap, openssl } });
    const openssl4 = { [`openssl-4 ${D} legacy=true`]: { [`zlib-1 ${D}`]: {} } };
    expect(treeOf(rewriteInputs(role, [[openssl, patched]]))).toEqual({
      [`role ${D}`]: { [`ldap-2 ${D}`]: { ...openssl4, [`sasl-2 ${D}`]: openssl4 }, ...openssl4 },
    });
    const { derivations } = instantiated([rewriteInputs(role, [[openssl, patched]])], host);
    const versions = [...derivations.values()].map(({ name, env }) => [name, env.versions]);
    expect(versions).toContainEqual(["ldap-2", "openssl-4 sasl-2"]);
  });

  test("leaves the root as it was, and equal rewritings are one derivation", () => {
    const [plain, one, other] = [
      ldap,
      rewriteInputs(ldap, [[openssl, patched]]),
      rewriteInputs(ldap, [[openssl, patched]]),
    ];
    const { roots } = instantiate([plain, one, other], host);
    expect(roots[1]).toBe(roots[2]);
    expect(roots[0]).toBe(instantiate([ldap], host).roots[0]);
    expect(roots[0]).not.toBe(roots[1]);
  });

  test("rewrites what is shared once", () => {
    let derived = 0;
    const shared = definePackage({ name: "shared" }, () => {
      derived++;
      return {
        name: "shared",
        builder: "/bin/sh",
        args: [openssl],
        env: {},
        rootfs: null,
        outputs: contentAddressed(["out"]),
      };
    });
    const [a, b] = [make({ name: "a", inputs: { shared } }), make({ name: "b", inputs: { shared } })];
    treeOf(rewriteInputs(make({ name: "role", inputs: { a, b, shared } }), [[openssl, patched]]));
    expect(derived).toBe(1);
  });

  test("takes a wide graph of many layers in one pass", () => {
    let layer: AnyPackage[] = [zlib];
    for (let depth = 0; depth < 30; depth++) {
      layer = Array.from({ length: 10 }, (_, i) =>
        make({ name: `p${depth}-${i}`, inputs: Object.fromEntries(layer.entries()) }),
      );
    }
    const top = rewriteInputs(make({ name: "top", inputs: Object.fromEntries(layer.entries()) }), [[zlib, sasl]]);
    // Along paths there would be 10^30 of them. sasl brings openssl and zlib, which below sasl is itself.
    expect(instantiate([top], host).encodings.size).toBe(1 + 300 + 3);
  });

  test("composes: the outer one works on what the inner one gave", () => {
    const zlib2 = make({ name: "zlib", version: "2" });
    const zlib3 = make({ name: "zlib", version: "3" });
    const inner = rewriteInputs(openssl, [[zlib, zlib2]]);
    expect(treeOf(rewriteInputs(inner, [[zlib2, zlib3]]))).toEqual({
      [`openssl-3 ${D} legacy=true`]: { [`zlib-3 ${D}`]: {} },
    });
    const role = make({ name: "role", inputs: { inner, sasl } });
    expect(treeOf(rewriteInputs(role, [[zlib2, zlib3]]))).toEqual({
      [`role ${D}`]: {
        [`openssl-3 ${D} legacy=true`]: { [`zlib-3 ${D}`]: {} },
        [`sasl-2 ${D}`]: { [`openssl-3 ${D} legacy=true`]: { [`zlib-1 ${D}`]: {} } },
      },
    });
  });

  test("a replacement may be made of what it replaces", () => {
    const wrapped = make({ name: "wrapped", inputs: { zlib } });
    expect(treeOf(rewriteInputs(sasl, [[zlib, wrapped]]))).toEqual({
      [`sasl-2 ${D}`]: { [`openssl-3 ${D} legacy=true`]: { [`wrapped ${D}`]: { [`zlib-1 ${D}`]: {} } } },
    });
  });

  test("a variant that is not listed is refused, with the place where it was made; listed, it may be kept", () => {
    const small = openssl.with({ options: { legacy: false } });
    const role = make({ name: "role", inputs: { sasl, small } });
    expect(failureOf(() => treeOf(rewriteInputs(role, [[openssl, patched]])))).toEqual({
      _tag: "BadRecipe",
      reason: "openssl is replaced, but a variant of it, made here, is not",
      remedy: "list the variant too, as [variant, replacement], or as [variant, variant] to keep it",
      madeAt: small.madeAt,
    });
    const kept = rewriteInputs(role, [
      [openssl, patched],
      [small, small],
    ]);
    expect(treeOf(kept)).toEqual({
      [`role ${D}`]: {
        [`sasl-2 ${D}`]: { [`openssl-4 ${D} legacy=true`]: { [`zlib-1 ${D}`]: {} } },
        [`openssl-3 ${D} legacy=false`]: { [`zlib-1 ${D}`]: {} },
      },
    });
  });
});

describe("for", () => {
  test("instantiates a package and what it uses at run time for another platform, and its tools for this machine", () => {
    const generator = make({ name: "generator", inputs: { zlib } });
    const app = make({ name: "app", inputs: { sasl }, tools: [generator] });
    expect(treeOf(app.for({ libc: "source" }))).toEqual({
      "app source": {
        "sasl-2 source": { "openssl-3 source legacy=true": { "zlib-1 source": {} } },
        [`generator ${D}`]: { [`zlib-1 ${D}`]: {} },
      },
    });
  });

  test("goes with override, with and rewriteInputs, in any order", () => {
    const change = { options: { legacy: false } };
    const [one, other] = [openssl.with(change).for({ libc: "source" }), openssl.for({ libc: "source" }).with(change)];
    expect(treeOf(one)).toEqual({ "openssl-3 source legacy=false": { "zlib-1 source": {} } });
    expect(treeOf(other)).toEqual(treeOf(one));
    expect(treeOf(rewriteInputs(sasl, [[openssl, patched]]).for({ libc: "source" }))).toEqual({
      "sasl-2 source": { "openssl-4 source legacy=true": { "zlib-1 source": {} } },
    });
  });

  test("refuses two libcs in one closure, and names both sides", () => {
    const role = make({ name: "role", inputs: { zlib, openssl: openssl.for({ libc: "source" }) } });
    expect(failureOf(() => treeOf(role))).toMatchObject({
      _tag: "BadRecipe",
      reason: "openssl is made for libc source, and what uses it for libc distribution: a closure has one libc",
      remedy: 'leave .for(…) to the role above both, or make what uses it for({ libc: "source" }) too',
    });
    expect(treeOf(role.for({ libc: "source" }))).toEqual({
      "role source": { "zlib-1 source": {}, "openssl-3 source legacy=true": { "zlib-1 source": {} } },
    });
    // A tool is no part of the closure, and a static program brings no libc.
    expect(treeOf(make({ name: "role", tools: [zlib.for({ libc: "source" })] }))).toEqual({
      [`role ${D}`]: { "zlib-1 source": {} },
    });
    expect(treeOf(make({ name: "role", inputs: { zlib: zlib.for({ libc: "musl", link: "static" }) } }))).toEqual({
      [`role ${D}`]: { "zlib-1 musl": {} },
    });
  });
});

describe("a workspace's policy", () => {
  test("gives options their defaults, for variants too; a recipe's choice wins", () => {
    const policy: WorkspaceSpec = { options: [defaults(openssl, { legacy: false })] };
    expect(treeOf(sasl, policy)).toEqual({
      [`sasl-2 ${D}`]: { [`openssl-3 ${D} legacy=false`]: { [`zlib-1 ${D}`]: {} } },
    });
    expect(treeOf(patched, policy)).toEqual({ [`openssl-4 ${D} legacy=false`]: { [`zlib-1 ${D}`]: {} } });
    expect(treeOf(openssl.with({ options: { legacy: true } }), policy)).toEqual({
      [`openssl-3 ${D} legacy=true`]: { [`zlib-1 ${D}`]: {} },
    });
  });

  test("tells who chose each option", () => {
    const told: PackageOptions[] = [];
    const tuned = make({
      name: "tuned",
      options: { a: option.flag(true, "about a"), b: option.choice(["x", "y"], "x"), c: option.text("") },
    });
    instantiate([tuned.with({ options: { b: "y" } })], {
      ...host,
      policy: workspace({ options: [defaults(tuned, { b: "x", c: "z" })] }),
      onOptions: (of) => told.push(of),
    });
    const given = { expected: "true or false", default: true, description: "about a" };
    expect(told).toEqual([
      {
        package: "tuned",
        options: [
          { name: "a", ...given, value: true, from: "default" },
          { name: "b", description: "", expected: "one of x, y", default: "x", value: "y", from: "recipe" },
          { name: "c", description: "", expected: "a string", default: "", value: "z", from: "policy" },
        ],
      },
    ]);
  });

  test("refuses options that do not exist or are of the wrong type, and says that the policy gave them", () => {
    expect(failureOf(() => treeOf(sasl, { options: [defaults(openssl, { legcy: true } as never)] }))).toMatchObject({
      reason: "openssl was given by the workspace's policy the option legcy = true",
      remedy: "openssl has these options: legacy",
    });
  });

  test("refuses options that contradict one another, with who chose them", () => {
    const nginx = make({
      name: "nginx",
      options: { tls: option.flag(true), quic: option.flag(false) },
      conflicts: ({ options }) => [options.quic && !options.tls && "quic needs tls"],
    });
    expect(treeOf(nginx.with({ options: { quic: true } }))).toEqual({ [`nginx ${D} tls=true quic=true`]: {} });
    const policy = { options: [defaults(nginx, { tls: false })] };
    expect(failureOf(() => treeOf(nginx.with({ options: { quic: true } }), policy))).toMatchObject({
      _tag: "BadRecipe",
      reason: "the options of nginx contradict one another: quic needs tls",
      remedy: "choose otherwise among tls = false (policy), quic = true (recipe)",
    });
  });

  test("replaces packages in all recipes, a recipe's own rewriting first", () => {
    const policy: WorkspaceSpec = { replace: [[openssl, patched]] };
    expect(treeOf(sasl, policy)).toEqual({
      [`sasl-2 ${D}`]: { [`openssl-4 ${D} legacy=true`]: { [`zlib-1 ${D}`]: {} } },
    });
    const own = rewriteInputs(sasl, [[openssl, zlib]]);
    expect(treeOf(own, policy)).toEqual({ [`sasl-2 ${D}`]: { [`zlib-1 ${D}`]: {} } });
    expect(treeOf(openssl, policy)).toEqual({ [`openssl-4 ${D} legacy=true`]: { [`zlib-1 ${D}`]: {} } });
  });

  test("prefers the distribution's package, but never to a variant that a recipe made", () => {
    const redis = make({
      name: "redis",
      version: "7",
      options: { tls: option.flag(true) },
      distribution: () => make({ name: "redis-deb", inputs: { zlib } }),
    });
    const role = make({ name: "role", inputs: { redis, small: redis.with({ options: { tls: false } }), zlib } });
    const variant = { [`redis-7 ${D} tls=false`]: {}, [`zlib-1 ${D}`]: {} };
    const preferred = { [`role ${D}`]: { [`redis-deb ${D}`]: { [`zlib-1 ${D}`]: {} }, ...variant } };
    expect(treeOf(role)).toEqual({ [`role ${D}`]: { [`redis-7 ${D} tls=true`]: {}, ...variant } });
    expect(treeOf(role, { prefer: { distribution: [redis] } })).toEqual(preferred);
    expect(treeOf(role, { prefer: { distribution: "all" } })).toEqual(preferred);
    expect(treeOf(role, { prefer: { distribution: "all", source: [redis] } })).toEqual(treeOf(role));
    expect(treeOf(redis, { prefer: { distribution: [redis] } })).toEqual({
      [`redis-deb ${D}`]: { [`zlib-1 ${D}`]: {} },
    });
  });

  test.each<[string, unknown, string]>([
    ["something else", { options: [] }, "the default export of cab.config.ts is no workspace"],
    ["no jobs", workspace({ jobs: 0 }), "cab.config.ts: jobs is 0"],
    [
      "a preference for what is not there",
      workspace({ prefer: { distribution: [zlib] } }),
      "cab.config.ts: there is no distribution's package for zlib",
    ],
  ])("refuses %s", (_, value, reason) => {
    expect(failureOf(() => asWorkspace(value))).toMatchObject({ _tag: "BadRecipe", reason });
  });
});

test("a package and its specification cannot be changed in place", () => {
  const flags = ["a"];
  const app = make({ name: "app", flags, inputs: { zlib } });
  for (const change of [
    () => flags.push("b"),
    () => Object.assign(app, { name: "other" }),
    () => Object.assign(app.inputs, { zlib: openssl }),
    () => Object.assign(app.spec, { version: "2" }),
    () => (app.outputNames as string[]).push("dev"),
  ]) {
    expect(change).toThrow(TypeError);
  }
});
