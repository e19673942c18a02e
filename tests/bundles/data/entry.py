import os
import pkgutil
from importlib import resources
from pathlib import Path

import lib
from lib.reader import read_beside, read_by_loader
from lib.templates import render

print(resources.files("lib").joinpath("words.txt").read_text(encoding="utf-8"))
print(len(resources.files("lib.inner").joinpath("blob.bin").read_bytes()))
print(pkgutil.get_data("lib", "words.txt").decode().split())
print(read_beside("words.txt"), read_by_loader(), render("a <b> & c"))
print(sorted(os.listdir(os.path.dirname(lib.__file__)))[:2])
print(sorted(path.name for path in resources.files("lib").joinpath("assets").iterdir()))
print((Path(__file__).parent / "lib" / "assets" / "quoted.txt").read_text().count("'"))
with resources.as_file(resources.files("lib") / "assets") as folder:
    print(sorted(path.name for path in Path(folder).iterdir()))
