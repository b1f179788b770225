/** What somebody sees who opens recipes in an editor that nobody prepared: VS Code with its own TypeScript, and no plugin. */
import { readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { OptionSpecs } from "@cab/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHECKOUT, cab, removeFolder, temporaryFolder } from "../e2e/support.ts";
import { type Editor, startEditor } from "./tsserver.ts";

const root = realpathSync(temporaryFolder("editor"));
const workspace = join(root, "mine");
const role = join(workspace, "derivations/hello-cache.ts");
const probe = join(workspace, "derivations/probe.ts");

/** Shipped modules, relative to the checkout. */
const SHIPPED = readdirSync(join(CHECKOUT, "derivations"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.includes("node_modules"))
  .map((file) => `derivations/${file}`)
  .sort();

let editor: Editor;

beforeAll(async () => {
  const made = await cab(["init", "mine"], { root: join(root, "store"), cwd: root });
  if (made.code !== 0) throw new Error(made.stderr);
  writeFileSync(probe, "");
  editor = startEditor();
}, 120_000);
afterAll(async () => {
  await editor.close();
  removeFolder(root);
});

/** The probe's text in the editor, behind imports of openldap and nginx. */
const IMPORTS = `import openldap from "@cab/derivations/servers/openldap.ts";
import nginx from "@cab/derivations/servers/nginx.ts";
`;

describe("in a new workspace outside the checkout", () => {
  it("what cab init wrote is right, and belongs to the workspace's own project", async () => {
    const config = join(workspace, "cab.config.ts");
    for (const file of [role, config]) {
      await editor.open(file);
      expect(await editor.project(file)).toBe(join(workspace, "tsconfig.json"));
      expect(await editor.diagnostics(file)).toEqual([]);
    }
  });

  it("hovering over an option shows its type and what the recipe says of it", async () => {
    await editor.open(probe, `${IMPORTS}export default openldap.with({ options: { overlays: "none" } });\n`);
    expect(await editor.hover(probe, "{ over▮lays: ")).toEqual({
      type: '(property) overlays?: "none" | "mod"',
      documentation: "memberof, syncprov, ppolicy and the rest, as modules",
    });
  });

  it("completions within the options are exactly the options", async () => {
    await editor.open(probe, `${IMPORTS}export default nginx.with({ options: {  } });\n`);
    expect(await editor.completions(probe, "options: { ▮ }")).toEqual([
      "fastcgi",
      "http2",
      "scgi",
      "stream",
      "tls",
      "uwsgi",
    ]);
    await editor.open(probe, `${IMPORTS}export default openldap.with({ options: { overlays: "" } });\n`);
    expect(await editor.completions(probe, 'overlays: "▮"')).toEqual(["none", "mod"]);
  });

  it("completions within the inputs are exactly the inputs, and of outputs those that there are", async () => {
    await editor.open(
      probe,
      `${IMPORTS}export default openldap.with({ inputs: {  } });\nexport const o = nginx.outputs.;\n`,
    );
    expect(await editor.completions(probe, "inputs: { ▮ }")).toEqual(["cyrusSasl", "libtool", "openssl"]);
    expect(await editor.completions(probe, "outputs.▮;")).toEqual(["out"]);
  });

  it("completions within a builder's specification tell what each field means", async () => {
    await editor.open(
      probe,
      'import { autotools } from "@cab/derivations/lib/autotools.ts";\nexport default autotools({ patches: [] });\n',
    );
    expect((await editor.hover(probe, "{ pat▮ches")).documentation).toBe("Applied in this order with `patch -p1`.");
  });

  it("definitions lead to the shipped recipes themselves", async () => {
    await editor.open(role);
    const redis = join(CHECKOUT, "derivations/servers/redis.ts");
    const inRole = await editor.definitions(role, 'from "@cab/derivations/servers/▮redis.ts"');
    expect(inRole.map(({ file }) => file)).toEqual([redis]);
    await editor.open(probe, `${IMPORTS}export default openldap.with({ options: { overlays: "none" } });\n`);
    const openldap = join(CHECKOUT, "derivations/servers/openldap.ts");
    expect((await editor.definitions(probe, "open▮ldap.with")).map(({ file }) => file)).toEqual([openldap]);
    const stated =
      readFileSync(openldap, "utf8")
        .split("\n")
        .findIndex((line) => line.includes("overlays: option")) + 1;
    expect(await editor.definitions(probe, "{ over▮lays: ")).toEqual([
      { file: openldap, start: { line: stated, offset: 5 } },
    ]);
  });

  it("mistakes are underlined, as cab check-types says them", async () => {
    await editor.open(probe, `${IMPORTS}export default openldap.with({ options: { overlay: "none" } });\n`);
    expect(await editor.diagnostics(probe)).toEqual([
      "3: Object literal may only specify known properties, but 'overlay' does not exist in type '{ readonly overlays?: \"none\" | \"mod\"; }'. Did you mean to write 'overlays'?",
    ]);
    await editor.open(probe, "export const home = process.env.HOME;\n");
    expect(await editor.diagnostics(probe)).toEqual([
      "1: Property 'env' does not exist on type 'NotInRecipes<\"a recipe cannot see the machine: say it in the recipe, as an option of the package, or read local(import.meta, …)\">'.",
    ]);
  });

  it("every option of a shipped recipe is documented as its own description says", async () => {
    const documented: Record<string, string> = {};
    const described: Record<string, string> = {};
    for (const file of SHIPPED.filter((path) => !path.includes("/lib/"))) {
      const made = (await import(join(CHECKOUT, file))).default as {
        readonly spec?: { readonly options?: OptionSpecs };
      };
      const options = made.spec?.options ?? {};
      for (const [name, { description }] of Object.entries(options)) {
        const text = `import it from "@cab/${file}";\nexport default it.with({ options: { ${name}: undefined! } });\n`;
        await editor.open(probe, text);
        documented[`${file} ${name}`] = (await editor.hover(probe, `{ ▮${name}:`)).documentation;
        described[`${file} ${name}`] = description;
      }
    }
    expect(documented).toEqual(described);
    expect(Object.values(described)).not.toContain("");
    expect(Object.keys(described).length).toBeGreaterThan(5);
  });
});

describe("in the checkout", () => {
  it.each(SHIPPED)("%s has nothing underlined", async (file) => {
    await editor.open(join(CHECKOUT, file));
    expect(await editor.diagnostics(join(CHECKOUT, file))).toEqual([]);
  });

  it("a role's import leads to the recipe, and core's to its source", async () => {
    const webapp = join(CHECKOUT, "derivations/roles/webapp.ts");
    await editor.open(webapp);
    expect((await editor.definitions(webapp, 'from "../servers/▮nginx.ts"')).map(({ file }) => file)).toEqual([
      join(CHECKOUT, "derivations/servers/nginx.ts"),
    ]);
    expect((await editor.definitions(webapp, "{ lo▮cal,")).map(({ file }) => file)).toEqual([
      join(CHECKOUT, "packages/core/src/recipe/source.ts"),
    ]);
  });
});
