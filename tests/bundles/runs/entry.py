import os
import pkgutil
import runpy
import tempfile

import lib
import lib.tools

print([(one.name, one.ispkg) for one in pkgutil.iter_modules(lib.__path__, "lib.")])
print([one.name for one in pkgutil.walk_packages(lib.__path__, "lib.")])
result = runpy.run_module("lib.tool", run_name="__main__")
print(result["VALUE"], result["__name__"], result["__file__"].endswith("tool.py"))
print(runpy.run_module("lib.tools", run_name="named", alter_sys=True)["RAN"])
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    from lib.late import NAME

    print(NAME)
    os.chdir("/")
print(pkgutil.resolve_name("lib.tool:VALUE"))
