"""What the cells of a notebook do besides writing files: make their folder, run the program."""

import json
from collections.abc import Iterable, Mapping, Sequence
from string import Template

_SET_UP = Template("""\
import os
import sys
import tempfile

# Elsewhere than in this folder, which Kaggle keeps as the run's output.
held = tempfile.TemporaryDirectory(prefix="kernel-")
source = held.name
for folder in $folders:
    os.makedirs(os.path.join(source, folder), exist_ok=True)""")

_FIND_HERE = """
sys.path.insert(0, source)
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [source, os.environ.get("PYTHONPATH")])
)"""

_RUN_HERE = Template("""\
# Modules of an earlier run are dropped: the cells above may have written them anew.
for name in [name for name in sys.modules if name.split('.')[0] in $tops]:
    del sys.modules[name]
importlib.invalidate_caches()
sys.argv = [os.path.join(source, $name)]
finished = runpy.run_path(sys.argv[0], run_name="__main__")""")

_RUN_APART = Template("""\
import codecs
import shutil
import subprocess
import threading
$values
program = [$program]  # words of the command line go behind it
environment = dict(os.environ)
for name in ("MPLBACKEND", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR"):  # the notebook's own
    if environment.get(name) in ("module://matplotlib_inline.backend_inline", "1"):
        del environment[name]
folders = [os.path.join(source, folder).rstrip("/") for folder in $search]
environment["PYTHONPATH"] = os.pathsep.join(
    filter(None, [*folders, os.environ.get("PYTHONPATH")])
)
$lay_out

def show(pipe, stream):
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while piece := pipe.read1(65536):
        stream.write(decode(piece))  # it shows that by itself, five times a second


pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
running = subprocess.Popen([sys.executable, $options, *program], env=environment, **pipes)
pairs = (running.stdout, sys.stdout), (running.stderr, sys.stderr)
readers = [threading.Thread(target=show, args=pair, daemon=True) for pair in pairs]
for reader in readers:
    reader.start()
try:
    code = running.wait()
except KeyboardInterrupt:  # it goes to the program too, which may have something to save
    try:
        running.wait(30)
    finally:
        running.kill()
    raise
for reader in readers:
    reader.join(10)  # not for ever: what the program left behind may hold its output open
if code:
    raise RuntimeError(f"$name ended with exit code {code}")""")

_LAY_OUT = Template("""
for path, target in $pairs:
    if not os.path.lexists(target):  # what is there already stays
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        shutil.copyfile(os.path.join(source, path), target)
""")


def set_up(paths: Iterable[str], is_here: bool) -> str:
    """(paths of files, whether the program runs in the notebook's process) -> the set-up cell."""
    folders = sorted({path.rpartition("/")[0] for path in paths} - {""})
    return _SET_UP.substitute(folders=folders) + (_FIND_HERE if is_here else "")


def run_here(name: str, names: Sequence[str], tops: Iterable[str]) -> str:
    """(entry's path, names of the preface, top-level modules) -> the cell that runs the entry here.

    It may be run again: then it takes the files and values as they are by then. `%run` would
    succeed even when the run failed.
    """
    lines = ["import importlib", "import runpy", *_leave_values(name, names)]
    return "\n".join([*lines, _RUN_HERE.substitute(tops=sorted(tops), name=json.dumps(name))])


def run_apart(
    name: str,
    module: str,
    names: Sequence[str],
    search: Sequence[str],
    laid_out: Mapping[str, str],
) -> str:
    """(entry's path, its module or "", names of the preface, ...) -> the cell that starts it.

    `search` holds the folders on sys.path, `laid_out` paths -> where these files are laid.

    The program has a process of its own, as it has at a command line: its exit code, its event
    loop, its modules and what it does at its end are then as there.
    """
    own = name.rpartition("/")[0]
    options = ['"-u"']  # so that output is shown while it runs
    if module or search[0] != own:
        options.append('"-P"')  # the folders below come first
    program = f"os.path.join(source, {json.dumps(name)})"
    if module:
        program = f'"-m", {json.dumps(module.removesuffix(".__main__"))}'
    pairs = json.dumps(sorted(laid_out.items()))
    return _RUN_APART.substitute(
        values="\n".join(_leave_values(name, names)),
        program=program,
        options=", ".join(options),
        search=json.dumps(list(search)),
        lay_out=_LAY_OUT.substitute(pairs=pairs) if laid_out else "",
        name=(module or name).replace("{", "{{").replace("}", "}}").replace('"', "'"),
    )


def _leave_values(name: str, names: Sequence[str]) -> list[str]:
    """(entry's path, names of the preface) -> the lines that write their values beside it."""
    lines = ["from pathlib import Path", ""]
    lines.append("# The values of the second cell, where processes that are started find them.")
    folder = name.rpartition("/")[0]
    for one in names:
        path = json.dumps(f"{folder}/{one}.txt" if folder else f"{one}.txt")
        lines.append(f'Path(source, {path}).write_text(repr({one}), encoding="utf-8")')
    return lines if names else [""]
