/** Wrong: a program cannot be compiled with two libraries of one name. */
import sqlite from "@cab/derivations/libraries/sqlite.ts";
import { rows } from "./lib/rows.ts";
import sqliteFork from "./sqlite-fork.ts";

export default rows("rows-confused", { sqlite, sqliteFork });
