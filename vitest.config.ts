/**
 * Tests in three projects: `fast`, everything that runs in seconds; `e2e`, which runs the real command and real builds;
 * `nightly`, whose builds take longer than anyone waits for a change to be checked (`npm test -- --project nightly`).
 * Measurements (test/bench) are programs of their own, not tests.
 */
import { configDefaults, defineConfig } from "vitest/config";
import CacheFillersFirst from "./test/e2e/order.ts";

/** A build takes minutes, and takes all cores: one file at a time, and what one has built the others take from it. */
const builds = {
  globalSetup: "test/e2e/shared-cache.ts",
  testTimeout: 40 * 60_000,
  hookTimeout: 40 * 60_000,
  fileParallelism: false,
};

const exclude = [...configDefaults.exclude, "**/dist/**", "test/bench/**"];

export default defineConfig({
  test: {
    sequence: { sequencer: CacheFillersFirst },
    reporters: ["default", "./test/closing-line.ts"],
    projects: [
      {
        test: {
          name: "fast",
          include: ["packages/**/*.test.ts", "derivations/**/*.test.ts", "test/**/*.test.ts"],
          exclude: [...exclude, "test/e2e/**", "test/nightly/**"],
          testTimeout: 30_000,
          // As the launcher starts cab.
          execArgv: ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"],
        },
      },
      { test: { name: "e2e", include: ["test/e2e/**/*.test.ts"], exclude, ...builds } },
      { test: { name: "nightly", include: ["test/nightly/**/*.test.ts"], exclude, ...builds } },
    ],
  },
});
