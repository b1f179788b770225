/** `cab generations`: what a role was and is on this host. Reads profiles and the store; asks no service. */
import { type Generation, generationNumbered, type Profile, Refused, standing } from "@cab/profile";
import { cabRoot } from "../cab-root.ts";
import { type GenerationChanges, generationChanges, timeText } from "../generation-facts.ts";
import { profileFolder, type RoleFiles, roleName } from "../role-host.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--json] ROLE",
  summary:
    "Lists ROLE's generations on this host: when and from which commit each was made, how it went, and what it changed.",
  details: [
    "The current one is marked. `replaced` ones were current once, `failed` ones were not healthy, an `interrupted` one was being",
    "made when its cab ended. A commit with + had changes beside it. Health is what it was when the switch ended.",
  ].join("\n"),
  flags: {
    json: { type: "boolean", help: "print a list: number, standing, health, made, commit, path, from, changes" },
  },
  run: async ({ positionals, flags }, host) => {
    const [name, ...rest] = positionals;
    if (name === undefined || rest.length > 0) throw new UsageError("the generations of what? give one ROLE");
    const role = roleName(name);
    const store = await openHostStore(host, cabRoot(host));
    try {
      const files: RoleFiles = { store, folder: profileFolder(store, role) };
      const listed = await listGenerations(files);
      if (listed.length === 0) {
        throw new Refused({ _tag: "NoGeneration", role, number: null });
      }
      if (flags.json) host.out(`${JSON.stringify(listed)}\n`);
      else for (const each of listed) host.out(`${lineOf(each)}\n`);
      return 0;
    } finally {
      await store.close();
    }
  },
});

interface Listed extends Omit<Generation, "version" | "outcome"> {
  readonly standing: ReturnType<typeof standing>;
  /** Against the one before it; null if that, or too much of one of them, is gone. */
  readonly changes: GenerationChanges | null;
}

async function listGenerations(files: RoleFiles): Promise<Listed[]> {
  const profile = await files.folder.read();
  const listed: Listed[] = [];
  for (const generation of profile.generations) {
    const { version: _, outcome: __, ...record } = generation;
    const changes = (await changesOf(files, profile, generation)) ?? null;
    listed.push({ ...record, standing: standing(profile, generation), changes });
  }
  return listed;
}

async function changesOf(
  files: RoleFiles,
  profile: Profile,
  generation: Generation,
): Promise<GenerationChanges | undefined> {
  const before = generationNumbered(profile, generation.from);
  return before === undefined ? undefined : generationChanges(files, before, generation);
}

/** More changes than these are counted. */
const NAMED = 3;

/** Hexadecimal digits of a commit that tell it apart. */
const COMMIT_DIGITS = 10;

function lineOf({ number, made, commit, standing: stands, health, from, changes }: Listed): string {
  const mark = stands === "current" ? "*" : " ";
  const short = commit === null ? "-" : `${commit.slice(0, COMMIT_DIGITS)}${commit.endsWith("+") ? "+" : ""}`;
  const columns = [
    `${mark} ${String(number).padStart(3)}`,
    timeText(made),
    short.padEnd(COMMIT_DIGITS + 1),
    stands.padEnd("interrupted".length),
    (stands === "interrupted" || stands === "pending" ? "" : health).padEnd("unhealthy".length),
    from === null ? "the first" : changes === null ? `against ${from}, which is gone` : changesText(changes),
  ];
  return columns.join("  ").trimEnd();
}

function changesText({ packages, params, units }: GenerationChanges): string {
  const all = [...packages, ...params.map(({ name }) => `parameter ${name}`)];
  if (all.length === 0) return units.length === 0 ? "nothing but the role itself" : "the role's own files";
  const more = all.length > NAMED ? `, and ${all.length - NAMED} more` : "";
  return `${all.slice(0, NAMED).join(", ")}${more}`;
}
