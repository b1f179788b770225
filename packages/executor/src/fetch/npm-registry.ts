/** The npm registry that this host is configured with. Asks npm's own settings; never names a host itself. */
import { existsSync, readFileSync } from "node:fs";

export interface NpmHost {
  /** The CLI's own setting, before all others. */
  readonly registry: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `.npmrc` files, the nearest first. */
  readonly npmrc: readonly string[];
}

/** The registry's base URL without a slash at the end; undefined where nothing names one. */
export async function npmRegistry({ registry, env, npmrc }: NpmHost): Promise<string | undefined> {
  const found =
    registry ??
    env.npm_config_registry ??
    env.NPM_CONFIG_REGISTRY ??
    npmrc.map((file) => registryIn(file, env)).find((one) => one !== undefined) ??
    (await askNpm(env));
  return found !== undefined && /^https?:\/\//.test(found) ? found.replace(/\/+$/, "") : undefined;
}

function registryIn(file: string, env: NpmHost["env"]): string | undefined {
  if (!existsSync(file)) return undefined;
  const value = /^\s*registry\s*=\s*(\S+)\s*$/m.exec(readFileSync(file, "utf8"))?.[1];
  return value?.replace(/\$\{([^}]+)\}/g, (_, name: string) => env[name] ?? "");
}

async function askNpm(env: NpmHost["env"]): Promise<string | undefined> {
  if (env.PATH === undefined) return undefined;
  const { execa } = await import("execa");
  const { stdout, failed } = await execa("npm", ["config", "get", "registry"], {
    extendEnv: false,
    env: { PATH: env.PATH, HOME: env.HOME },
    stdin: "ignore",
    reject: false,
    timeout: 10_000,
  });
  return failed ? undefined : stdout.trim();
}
