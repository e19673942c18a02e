import importlib
import sys

import parts.one
import plugins.deep.leaf as leaf
from parts import two
from parts.sub import three

print(parts.one.NAME, two.NAME, three.NAME, leaf.NAME)
print(parts.__file__ if hasattr(parts, "__file__") else None, type(parts.__path__).__name__)
print(sys.modules["parts.sub"].__name__, parts.__spec__.loader is None or "namespace")
import parts.nothing_there
