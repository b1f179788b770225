/** What a role's recipe comes to, without building it. */
import {
  argv,
  content,
  type DeriveHost,
  type NoPackages,
  nativePlatform,
  type OptionalParam,
  param,
  RecipeError,
  secret,
  sh,
  type Text,
  text,
  when,
} from "@cab/core";
import { describe, expect, test } from "vitest";
import type { RoleSpec } from "./role.ts";
import { serverRole } from "./server-role.ts";

const host: DeriveHost = {
  platform: nativePlatform("x86_64-linux"),
  pin: () => ({ _tag: "File", url: "mirror://debian/x", size: 1, algo: "sha256", digest: "0".repeat(64) }),
  local: () => ({ mode: "tree", digest: "0".repeat(64) }),
  resolve: (of) => of,
  policyOptions: () => ({}),
  onOptions: () => {},
};

type Spec = Partial<
  RoleSpec<
    NoPackages,
    Record<string, ReturnType<typeof param.string>>,
    Record<string, ReturnType<typeof secret>>,
    string
  >
>;

/** The object's files by their paths, with each package as its name in braces. */
function filesOf(spec: Spec, name = "web"): Readonly<Record<string, string>> {
  const role = serverRole({ name, packages: {}, programs: [], ...spec });
  const { args = [], env } = role.derive(host);
  const script = shown(args[1] as Text);
  const paths = [...script.matchAll(/^put (\S+) "\$(content\d+)"/gm)];
  return Object.fromEntries(paths.map(([, path, key]) => [path, shown(env[key as string] as Text)]));
}

const shown = ({ parts }: Text): string =>
  parts.map((part) => (typeof part === "string" ? part : `{${part.package.name}}`)).join("");

const refusal = (reason: string, remedy: string) =>
  expect.objectContaining({ name: RecipeError.name, failure: { _tag: "BadRecipe", reason, remedy } });

const nothing = { exec: sh`true` };

describe("a program", () => {
  test("is words in which parameters are quoted variables, and empty words stay", () => {
    const { "libexec/services/http/program": program } = filesOf({
      params: { root: param.string() },
      users: { www: 80 },
      services: ({ params, etc }) => ({
        http: {
          exec: argv`/bin/httpd -c ${etc}/it's.conf -r /srv/${params.root as Text} -x ${""}`,
          user: "www",
          env: { MODE: "a b" },
        },
      }),
    });
    expect(program).toBe(`#!{busybox}/bin/sh
set -eu
. /cab/run/web/params
cd /
umask 077
exec $([ "$(id -u)" != 0 ] || echo chpst -u 80:80) {busybox}/bin/env -i PATH={busybox}/bin HOME=/nonexistent TZ=UTC0 \${CAB_STATE:+"CAB_STATE=$CAB_STATE"} MODE='a b'  /bin/httpd -c /cab/run/web/etc'/it'\\''s.conf' -r /srv/"$param_root" -x ''
`);
  });

  test("is a script in which parameters are variables, never code", () => {
    const { "libexec/tasks/make/program": program } = filesOf({
      params: { root: param.string() },
      tasks: ({ params }) => ({ make: { exec: sh`mkdir -p ${params.root as Text}` } }),
    });
    expect(program?.split("\n").slice(5).join("\n")).toBe(
      `exec  {busybox}/bin/env -i PATH={busybox}/bin HOME=/nonexistent TZ=UTC0 \${CAB_STATE:+"CAB_STATE=$CAB_STATE"}  {busybox}/bin/sh -euc '. /cab/run/web/params
''mkdir -p ''"$param_root"'
`,
    );
  });

  test("names no path of the role itself, so that a change elsewhere in the role restarts nothing", () => {
    const one = filesOf({ services: () => ({ http: nothing }) });
    const other = filesOf({ services: () => ({ http: nothing, more: nothing }) });
    expect(other["libexec/services/http/program"]).toBe(one["libexec/services/http/program"]);
  });
});

describe("what a service uses", () => {
  const usesOf = (exec: Text, after: readonly string[] = []): string | undefined =>
    filesOf({
      params: { root: param.string(), name: param.string() },
      secrets: { key: secret("web-key") },
      files: ({ params }) => ({ "a.conf": content`root ${params.root as Text}`, "d/b.conf": content`b` }),
      tasks: () => ({ first: nothing }),
      services: () => ({ http: { exec, after } }),
    })["libexec/services/http/uses"];

  test.each([
    ["a file, and the parameters in it", sh`cat /cab/run/web/etc/a.conf`, ["file a.conf", "param root"]],
    ["a folder of files", sh`ls ${text("/cab/run/web/etc/d")}`, ["file d/b.conf"]],
    ["the directory of files: all of them", sh`ls /cab/run/web/etc`, ["file a.conf", "file d/b.conf", "param root"]],
    ["a secret", sh`cat /cab/run/web/secrets/web-key`, ["secret web-key"]],
    ["a parameter", sh`echo ${text("@param:name@")}`, ["param name"]],
    ["nothing", sh`true`, []],
  ])("%s", (_, exec, uses) => {
    expect(usesOf(exec)).toBe(`${uses.join("\n")}\n`);
  });

  test("is also what a task makes that it comes after", () => {
    expect(usesOf(sh`true`, ["first"])).toBe("task first\n");
  });
});

describe("the order", () => {
  test("is that of what comes after what; tasks first, then by name", () => {
    const settings = filesOf({
      tasks: () => ({ seal: nothing, late: { ...nothing, after: ["b"] } }),
      services: () => ({ a: { ...nothing, after: ["b"] }, b: { ...nothing, after: ["seal"] } }),
      timers: () => ({ tick: { ...nothing, everySeconds: 1 } }),
    })["libexec/role.sh"];
    expect(settings).toContain("STEPS='task:seal service:b task:late service:a service:tick'\n");
  });

  test("must exist", () => {
    const circular = { a: { ...nothing, after: ["b"] }, b: { ...nothing, after: ["a"] } };
    expect(() => filesOf({ services: () => circular })).toThrow(
      refusal("in web, services wait for one another: a → b → a", "take one of these out of an `after`"),
    );
    expect(() => filesOf({ services: () => ({ a: { ...nothing, after: ["c"] } }) })).toThrow(
      refusal("a of web comes after c, which the role does not have", "it has: a"),
    );
    expect(() => filesOf({ services: () => ({ a: nothing }), tasks: () => ({ a: nothing }) })).toThrow(
      refusal("web has two of tasks, services and timers called a", "rename one of them"),
    );
  });
});

describe("a role is refused", () => {
  const optional = { _tag: "OptionalParam", name: "root" } satisfies OptionalParam;

  test.each<[string, Spec, string, string]>([
    [
      "for a user without a number",
      { services: () => ({ http: { ...nothing, user: "www" } }) },
      "services/http/program of web runs as www, which is none of the role's users",
      "give its number: users: { www: 389 }",
    ],
    [
      "for text in a command that may not be there",
      { services: () => ({ http: { exec: argv`httpd ${when(optional, (value) => value)}` } }) },
      "services/http/program of web uses when(…), text that may not be there",
      "use it in one of the role's files: a command's word is there",
    ],
    ["for no command", { health: () => [] }, "health/web of web runs nothing", "give it at least one word"],
    [
      "for a parameter that no variable can be called",
      { params: { "server-id": param.string() } },
      '"server-id" cannot name a parameter',
      "use letters and digits, beginning with a lower-case letter, such as serverId",
    ],
    [
      "for a service that no file can be called",
      { services: () => ({ "../http": nothing }) },
      '"../http" in web cannot be a name',
      "use letters, digits and -",
    ],
    [
      "for a file outside etc/",
      { files: () => ({ "../passwd": content`` }) },
      '"../passwd" in web is no file below etc/',
      "use a relative path",
    ],
  ])("%s", (_, spec, reason, remedy) => {
    expect(() => filesOf(spec)).toThrow(refusal(reason, remedy));
  });

  test("for what it and a role that it includes both declare", () => {
    const base = serverRole({ name: "base", packages: {}, programs: [], services: () => ({ http: nothing }) });
    const web = serverRole({
      name: "web",
      packages: {},
      programs: [],
      includes: [base],
      services: () => ({ http: { exec: sh`false` } }),
    });
    expect(() => web.derive(host)).toThrow(
      refusal("web and base both declare the service http", "rename one, or declare it in a role that both include"),
    );
  });
});
