"""Run the command that the command line names; import no other one."""

import io
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module

from lib.base.errors import InputError, find_nearest
from lib.base.exit_codes import run_for_exit_code
from lib.base.missing_packages import explain_missing
from lib.base.tables import format_table
from lib.commands.options import BUILD_PY, Command, parse_and_run
from lib.commands.terminal.help_text import find_width, format_examples

ON_KAGGLE = ("init", "doctor", "weights", "push", "watch", "fetch", "submit", "runs", "sweep")
# The commands in the groups of the help, in the order of their use.
GROUPS = {
    "on this machine": ("build", "run", "synth", "decode"),
    "on Kaggle": (*ON_KAGGLE, "board"),
    "measure": ("verify", "score", "features", "curate", "audit"),
    "more": ("bundle", "unbundle", "check", "new"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
_FOLDERS = {
    **{name: f"on_kaggle.{name}" for name in ON_KAGGLE},
    "bundle": "bundling.bundle",
    "unbundle": "bundling.unbundle",
    "check": "bundling.check",
    "verify": "verifying.verify",
}  # commands whose modules lie in a folder of their own
_LIKE = 0.6  # the least likeness of a mistyped command to the one that was meant
_WHAT = (
    "Kernelpress: modular Python comes in, one readable, self-contained Kaggle script goes out. "
    "It trains a generator of pictures and writes a competition's submission."
)
_DAILY = (
    (BUILD_PY, "build/kernel.py, by recipe auto"),
    (f"{BUILD_PY} push --wait", "build it, run it on Kaggle, follow its log"),
    (
        f'{BUILD_PY} submit -m "first try"',
        "fetch the outputs, check and submit them, wait for the score",
    ),
)


def main(words: Sequence[str]) -> int:
    """Run a command; return 0 if it is done, 1 after a failure, 2 after a user's mistake."""
    return run_for_exit_code(lambda: _dispatch(words), debug="--debug" in words)


def load_command(name: str) -> Command:
    """Import the module of a command in COMMANDS; it needs plain Python only.

    Modules that need packages are imported when the command runs.
    """
    module = f"lib.commands.{_FOLDERS.get(name, name)}"
    command = getattr(import_module(module), name.upper(), None)
    assert isinstance(command, Command), f"{module} does not define {name.upper()}"
    return command


def fit_streams() -> None:
    """Let stdout and stderr escape what their encoding cannot hold, and never raise for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _dispatch(words: Sequence[str]) -> int:
    fit_streams()
    if len(words) == 2 and words[0] == "help" and words[1] in COMMANDS:
        words = [words[1], "--help"]
    if words and words[0] in ("-h", "--help", "help"):
        print(_describe_commands())
        return 0
    name, rest = (words[0], words[1:]) if words else ("build", [])
    if name.startswith("-"):
        name, rest = "build", words
    if name not in COMMANDS:
        near = find_nearest(name, COMMANDS, _LIKE)
        cure = f"did you mean {near!r}?" if near else "python build.py --help lists all"
        raise InputError("build.py", f"there is no command {name!r}", cure=cure)
    with explain_missing(name):
        return parse_and_run(load_command(name), rest)


def _describe_commands() -> str:
    width = find_width()
    lines = [textwrap.fill(_WHAT, width), "", format_examples(_DAILY, width)]
    lines += ["usage: python build.py [COMMAND] [OPTIONS]; without a command: build", ""]
    for title, names in GROUPS.items():
        rows = [(f"  {name}", load_command(name).summary) for name in names]
        lines += [f"{title}:", format_table(rows, least=(11,)), ""]
    lines += [
        "python build.py COMMAND --help            its options, defaults and units",
        "python build.py --recipe help             the recipes, and what each is",
        "python build.py --recipe NAME --set help  a recipe's keys, defaults and units",
    ]
    return "\n".join(lines)
