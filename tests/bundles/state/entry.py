import importlib
import importlib.util
import sys

from lib import counter, registry
from lib.counter import bump

print(bump(), bump(), counter.total, registry.NAMES)
kept = counter.Thing
again = importlib.reload(counter)
print(again is counter, counter.total, counter.Thing is kept, sys.modules["lib.counter"] is counter)
registry.NAMES.append("entry")
del sys.modules["lib.registry"]
from lib import registry as second
import lib.registry as third

print(second.NAMES, third.NAMES, third is second)
counter.total = 10
print(bump(), counter.total)
importlib.invalidate_caches()
print(importlib.util.find_spec("lib.counter").origin.rsplit("/", 1)[-1], importlib.util.find_spec("lib.no"))
