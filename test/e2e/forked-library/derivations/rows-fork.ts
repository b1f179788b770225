import { rows } from "./lib/rows.ts";
import sqliteFork from "./sqlite-fork.ts";

export default rows("rows-fork", { sqliteFork });
