import { workspace } from "@cab/core";

/** What holds for every recipe that is evaluated in this workspace. */
export default workspace({
  checkTypes: true,
});
