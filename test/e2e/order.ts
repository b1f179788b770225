/** The order of test files: first the one that builds from nothing and fills the cache that the others take from. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

const FIRST = /\/(?:e2e\/ldap-server|nightly\/libc-source)\.test\.ts$/;

export default class CacheFillersFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isFirst = ({ moduleId }: TestSpecification): boolean => FIRST.test(moduleId);
    return [...sorted.filter(isFirst), ...sorted.filter((file) => !isFirst(file))];
  }
}
