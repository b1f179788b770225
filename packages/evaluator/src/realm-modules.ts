/**
 * Runs modules in a pure realm as V8's own modules, each compiled by itself. Says only whether all went well: stacks and
 * positions are the bundle's (`realm.ts`), which runs again what failed here. Needs `--experimental-vm-modules`.
 */
import vm, { type Context, type SourceTextModule } from "node:vm";
import { openRealm, type RealmOptions } from "./realm.ts";
import type { RealmReport, RealmResult } from "./realm-program.ts";

export interface ModuleRealm {
  /** Compiles a module and gives the specifiers that it imports; undefined for what is no module. */
  readonly define: (name: string, code: string) => readonly string[] | undefined;
  /** The modules that its specifiers mean, in their order. */
  readonly link: (name: string, imports: readonly string[]) => void;
  /** `order` has each module behind those that it imports, the entry last, which exports what a bundle declares. */
  readonly run: (order: readonly string[]) => Promise<ModulesOutcome>;
}

export type ModulesOutcome =
  | {
      readonly _tag: "Ended";
      readonly report: Exclude<RealmReport, { readonly _tag: "Threw" }>;
      readonly graph: Uint8Array | null;
    }
  /** An import that nothing exports, or whatever a recipe throws. */
  | { readonly _tag: "Failed" }
  | { readonly _tag: "TimedOut" };

/** Whether this Node was started so that it has them. */
export const hasModuleRealms = vm.SourceTextModule !== undefined;

export function openModuleRealm(options: Omit<RealmOptions, "code">): ModuleRealm {
  // No stack is ever looked at here, and each package captures one.
  const { context, program } = openRealm(options, { stackFrames: 0 });
  Object.freeze(context);
  const modules = new Map<string, SourceTextModule>();
  const moduleOf = (name: string): SourceTextModule => modules.get(name) as SourceTextModule;
  return {
    define: (name, code) => {
      try {
        const module = new vm.SourceTextModule(code, { context, identifier: name });
        modules.set(name, module);
        return module.moduleRequests.map(({ specifier }) => specifier);
      } catch (error) {
        if (Object(error).name === "SyntaxError") return undefined;
        throw error;
      }
    },
    link: (name, imports) => moduleOf(name).linkRequests(imports.map(moduleOf)),
    run: async (order) => {
      const end = performance.now() + options.timeLimitSeconds * 1000;
      const evaluate = (module: SourceTextModule): Promise<void> =>
        module.evaluate({ timeout: Math.max(1, Math.ceil(end - performance.now())) });
      try {
        // One after another from below: V8 would follow imports recursively, which a long chain does not survive.
        for (const name of order) moduleOf(name).instantiate();
        for (const [i, name] of order.entries()) {
          if (i % DEPTH === DEPTH - 1 || i === order.length - 1) await evaluate(moduleOf(name));
        }
      } catch (error) {
        return isTimeOut(error) ? { _tag: "TimedOut" } : { _tag: "Failed" };
      }
      const last = programModule(context, program, moduleOf(order.at(-1) as string));
      try {
        await evaluate(last);
      } catch (error) {
        if (isTimeOut(error)) return { _tag: "TimedOut" };
        throw error;
      }
      return ended((last.namespace as { readonly result: RealmResult }).result);
    },
  };
}

const isTimeOut = (error: unknown): boolean => Object(error).code === "ERR_SCRIPT_EXECUTION_TIMEOUT";

function ended({ report: text, graph }: RealmResult): ModulesOutcome {
  const report = JSON.parse(text) as RealmReport;
  return report._tag === "Threw"
    ? { _tag: "Failed" }
    : { _tag: "Ended", report, graph: graph === null ? null : Buffer.from(graph) };
}

/** Modules that V8 evaluates at once: each call starts a thread that watches the time, and a few thousand are too deep. */
const DEPTH = 500;

/** Runs the program on what the entry exports, inside the realm, so that nothing of the realm's is touched outside. */
function programModule(context: Context, program: unknown, entry: SourceTextModule): SourceTextModule {
  const host = new vm.SyntheticModule(["run"], () => host.setExport("run", program), {
    context,
    identifier: "cab-host",
  });
  const text = 'import { run } from "host"; import * as cab from "entry"; export const result = run(() => cab);';
  const module = new vm.SourceTextModule(text, { context, identifier: "cab-run" });
  module.linkRequests([host, entry]);
  module.instantiate();
  return module;
}
