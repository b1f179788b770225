import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Refused } from "./failure.ts";
import { hostSecrets, markFiles, requireNoSecretSince, secretFound, secretSearch, withoutSecrets } from "./secrets.ts";
import { temporaryFolder } from "./testing/rig.ts";

test("values come from every place that has them, and never get into what is said", () => {
  const folder = temporaryFolder();
  const credentials = temporaryFolder();
  writeFileSync(join(folder, "password"), "hunter2-hunter2\n");
  for (const weak of ["abc1234", "password", "Opensesame"]) writeFileSync(join(folder, `weak-${weak}`), weak);
  mkdirSync(join(folder, "directory"));
  writeFileSync(join(credentials, "key"), "from-systemd");
  const env = { CREDENTIALS_DIRECTORY: credentials, CAB_SECRET_TOKEN: "from-environment", HOME: "not-a-secret" };
  const secrets = hostSecrets({ folder, env });
  expect(secrets.map(({ name, value }) => [name, value.toString()])).toEqual([
    ["key", "from-systemd"],
    ["password", "hunter2-hunter2"],
    ["CAB_SECRET_TOKEN", "from-environment"],
  ]);
  expect(withoutSecrets(secrets)("a hunter2-hunter2, twice: hunter2-hunter2")).toBe(
    "a (the secret password), twice: (the secret password)",
  );
  expect([secretFound(Buffer.from("x from-systemd"), secrets), secretFound(Buffer.from("x"), secrets)]).toEqual([
    "key",
    undefined,
  ]);
  expect(hostSecrets({ folder: join(folder, "none"), env: {} })).toEqual([]);
});

test("what stands for a value is no value of another, and the longest of two is meant", () => {
  const clean = withoutSecrets([
    { name: "token", value: Buffer.from("secret token") },
    { name: "longer", value: Buffer.from("secret token.*") },
    { name: "word", value: Buffer.from("(the secret token)") },
  ]);
  expect(clean("secret token, secret token.*, (the secret token)")).toBe(
    "(the secret token), (the secret longer), (the secret word)",
  );
});

test("a value is found wherever a stream is cut, and only in its own stream", () => {
  const values = fc.uniqueArray(fc.string({ unit: "grapheme-ascii", minLength: 6, maxLength: 20 }), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(
      values,
      fc.string(),
      fc.string(),
      fc.array(fc.nat({ max: 30 }), { maxLength: 9 }),
      (texts, a, b, cuts) => {
        const secrets = texts.map((text, i) => ({ name: `${i}`, value: Buffer.from(text) }));
        const stream = Buffer.from(`${a}${texts[0]}${b}`);
        const search = secretSearch(secrets);
        const expected = secrets.filter(({ value }) => stream.includes(value)).map(({ name }) => name);
        for (let at = 0; at < stream.length; ) {
          const end = at + (cuts.pop() ?? stream.length) + 1;
          search.update(stream.subarray(at, end));
          at = end;
        }
        expect([...search.finish()].sort()).toEqual(expected);
        search.update(Buffer.from("x"));
        expect(search.finish()).toEqual([]);
      },
    ),
  );
});

test("only what was written behind a mark is looked at, new and rotated files whole", () => {
  const logs = temporaryFolder();
  const log = join(logs, "current");
  writeFileSync(log, "old: hunter2-hunter2\n");
  const secrets = [{ name: "password", value: Buffer.from("hunter2-hunter2") }];
  const marks = markFiles([logs, join(logs, "none")]);
  const check = () => requireNoSecretSince(marks, [logs], secrets);
  appendFileSync(log, "new line\n");
  expect(check).not.toThrow();
  appendFileSync(log, "leaked: hunter2-hunter2\n");
  expect(check).toThrow(new Refused({ _tag: "SecretFound", secret: "password", file: log }));
  writeFileSync(log, "short");
  expect(check).not.toThrow();
});
