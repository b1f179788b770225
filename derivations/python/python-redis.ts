import { local, sh } from "@cab/core";
import { debianTree } from "../lib/debian-tree.ts";
import { pythonPackage } from "../lib/python-package.ts";
import asyncTimeout from "./async-timeout.ts";

const project = local(import.meta, "./python-redis/pyproject.toml");

export default pythonPackage({
  name: "python-redis",
  version: "6.1.0",
  // The binary package holds upstream's files as they are; what its source package wants to be built with is not here.
  source: debianTree({ name: "python-redis-source", suite: "trixie", packages: ["python3-redis"] }),
  prepare: sh`cd usr/lib/python3/dist-packages
test -d "redis-$version.dist-info"
cp ${project} pyproject.toml`,
  inputs: { asyncTimeout },
  modules: ["redis", "redis.asyncio"],
});
