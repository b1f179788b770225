/**
 * Where a script spends its time, by V8's sampling profiler. V8 ends a script that exceeds its time without a stack, so
 * this is how a recipe that never ends is located. Knows nothing of what runs.
 */
import { type Profiler, Session } from "node:inspector";
import type { BundlePosition } from "./realm.ts";

/** Positions in `file`, innermost first, of the place that was sampled most often while `run` ran. */
export function profiledPositions(file: string, run: () => void): BundlePosition[] {
  const session = new Session();
  session.connect();
  let profile: Profiler.Profile | undefined;
  try {
    // In this thread a session answers before `post` returns.
    session.post("Profiler.enable");
    session.post("Profiler.start");
    run();
    session.post("Profiler.stop", (_, stopped) => {
      profile = stopped?.profile;
    });
  } finally {
    session.disconnect();
  }
  return profile === undefined ? [] : hottest(profile, file);
}

function hottest({ nodes }: Profiler.Profile, file: string): BundlePosition[] {
  const parents = new Map<number, Profiler.ProfileNode>();
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node);
  const inFile = nodes.filter(({ callFrame }) => callFrame.url === file);
  const [hot] = inFile.sort((a, b) => (b.hitCount ?? 0) - (a.hitCount ?? 0));
  const positions: BundlePosition[] = [];
  const ticks = [...(hot?.positionTicks ?? [])].sort((a, b) => b.ticks - a.ticks);
  if (ticks[0] !== undefined) positions.push({ line: ticks[0].line, column: 0 });
  for (let node = hot; node !== undefined; node = parents.get(node.id)) {
    const { url, lineNumber, columnNumber } = node.callFrame;
    // The script as a whole, outside every function, stands at line -1.
    if (url === file && lineNumber >= 0) positions.push({ line: lineNumber + 1, column: columnNumber });
  }
  return positions;
}
