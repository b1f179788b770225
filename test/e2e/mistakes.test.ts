/** What building says of recipes that are wrong in what they do: the last table of docs/reference/mistakes.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUILT } from "../types/mistakes.ts";
import { PAGE, type Row, withSection } from "../types/page.ts";
import { cab, fromCache, realise, removeFolder, temporaryFolder, workspace } from "./support.ts";

const folder = temporaryFolder("mistakes");
const root = join(folder, "root");

const PRELUDE = `import { contentAddressed, definePackage, local, sh } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";
import sandbox from "@cab/derivations/toolchain/sandbox.ts";
import seed from "@cab/derivations/toolchain/seed.ts";
const given = { name: "mine", version: "1", source: local(import.meta, "./mine"), outputs: [] } as const;
const plain = ({ outputs, script }: { readonly outputs: readonly string[]; readonly script: string }) =>
  definePackage({ name: "mine" }, () => ({
    name: "mine",
    builder: "/bin/bash",
    args: ["-ec", script],
    env: {},
    rootfs: seed,
    outputs: contentAddressed(outputs),
  }));
`;

const cwd = workspace(join(folder, "workspace"), {
  "derivations/mine/Makefile":
    "mine:\n\ninstall:\n\t@mkdir -p $(out)/bin && cp mine $(out)/bin && chmod +x $(out)/bin/mine\n",
  "derivations/mine/mine": "mine\n",
  "derivations/mine/wrong.patch": "--- a/mine\n+++ b/mine\n@@ -1 +1 @@\n-yours\n+ours\n",
  ...Object.fromEntries(
    BUILT.map(({ code }, i) => [`derivations/built-${i}.ts`, `${PRELUDE}export default ${code};\n`]),
  ),
  "derivations/right.ts": `${PRELUDE}export default make({ ...given, finish: sh\`rm "$out/bin/mine"\` });\n`,
});

beforeAll(() => realise(["right", "sandbox"], { root, cwd, args: fromCache() }));
afterAll(() => removeFolder(folder));

/** The message, and of the log what the last phase printed; without where the log lies, and without hashes. */
function message(stderr: string): string {
  const lines = stderr.slice(stderr.indexOf("error: ")).trimEnd().split("\n");
  const phase = lines.findLastIndex((line) => line.startsWith("    | == "));
  return lines
    .filter((line, i) => !line.startsWith("  the whole log: ") && (!line.startsWith("    | ") || i >= phase))
    .join("\n")
    .replace(/\b[0-9a-z]{32}-/g, "…-");
}

test("the page on mistakes says what is seen of each", async () => {
  const rows: Row[] = [];
  for (const [i, { what, code }] of BUILT.entries()) {
    const { code: exit, stderr } = await cab(["realise", `built-${i}`], { root, cwd });
    expect({ what, exit }).toEqual({ what, exit: 1 });
    rows.push({ what, code, types: [], evaluation: message(stderr) });
  }
  const page = withSection(readFileSync(PAGE, "utf8"), "build", [[{ title: "What only a build tells" }, rows]]);
  await expect(page).toMatchFileSnapshot(PAGE);
});
