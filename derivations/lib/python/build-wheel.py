"""Makes a wheel of the project in the current directory by calling its build backend, as PEP 517 says.

Fetches nothing and makes no environment: what the backend is and needs must be importable already.
"""

import importlib
import os
import sys
import tomllib

try:
    with open("pyproject.toml", "rb") as file:
        system = tomllib.load(file).get("build-system", {})
except FileNotFoundError:
    system = {}

sys.path[:0] = [os.path.abspath(path) for path in system.get("backend-path", [])]
module, _, attribute = system.get("build-backend", "setuptools.build_meta:__legacy__").partition(":")
backend = importlib.import_module(module)
for name in attribute.split(".") if attribute else []:
    backend = getattr(backend, name)
print("wheel:", backend.build_wheel(sys.argv[1]))
