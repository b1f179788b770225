/** Migrations that no store needs: build times in milliseconds, and then under longer names. */
import type { Migration } from "../migrations/index.ts";

export const inMilliseconds: Migration = ({ rows, put }) => {
  for (const [key, value] of rows("buildTimes"))
    put("buildTimes", key, Buffer.from(`${Number(value.toString()) * 1000}`));
};

export const renamed: Migration = ({ rows, put, remove }) => {
  for (const [key, value] of rows("buildTimes")) {
    remove("buildTimes", key);
    put("buildTimes", `time of ${key}`, value);
  }
};
