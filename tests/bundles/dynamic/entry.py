import importlib

import lib
from lib.loader import load, load_near

print(importlib.import_module("lib.plugins.literal").NAME)
print(__import__("lib.plugins.dunder", fromlist=["NAME"]).NAME)
for name in ("alpha", "beta"):
    print(load(name).NAME)
print(load_near().NAME)
try:
    importlib.import_module("lib.plugins." + "gone")
except ModuleNotFoundError as error:
    print(error, error.name)
