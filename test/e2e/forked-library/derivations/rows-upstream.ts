import sqlite from "@cab/derivations/libraries/sqlite.ts";
import { rows } from "./lib/rows.ts";

export default rows("rows-upstream", { sqlite });
