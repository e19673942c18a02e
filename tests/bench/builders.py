"""A folder with entry.py and its packages -> one file, by our bundler or by a public one."""

import shutil
import subprocess
import sys
import tempfile
import zipapp
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bundler.test_bundle import PLUGINS

Builder = Callable[[Path, Path], None]  # (folder with entry.py, output)
_ROOT = Path(__file__).parents[2]
_LIMIT_S = 300
# What a tool does to say that it cannot: it fails, or hangs.
REFUSALS = (subprocess.SubprocessError, OSError, ValueError)


def _call(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=_LIMIT_S, cwd=_ROOT)


def _find_tool(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def build_ours(style: str, folder: Path, out: Path) -> None:
    """`build.py bundle` in a style."""
    plugins = PLUGINS if (folder / "lib" / "plugins").is_dir() else ()
    include = [f"--include={glob}" for glob in plugins]
    words = ["bundle", folder / "entry.py", "-o", out, "--style", style, *include]
    _call(sys.executable, "build.py", *words)


def build_stickytape(folder: Path, out: Path) -> None:
    """stickytape's own command."""
    more = ["--add-python-path", folder, "--output-file", out]
    _call(_find_tool("stickytape"), folder / "entry.py", *more)


def build_scriptmerge(folder: Path, out: Path) -> None:
    """scriptmerge's compilepy."""
    more = ["--add-python-path", folder, "--output-file", out]
    _call(_find_tool("scriptmerge"), "compilepy", *more, folder / "entry.py")


def build_cribo(folder: Path, out: Path) -> None:
    """cribo's own command."""
    _call(_find_tool("cribo"), "--entry", folder / "entry.py", "--output", out)


def build_pex(folder: Path, out: Path) -> None:
    """pex of the sources, without dependencies; the entry is a script in it."""
    words = ["--sources-directory", folder, "--executable", folder / "entry.py"]
    _call(_find_tool("pex"), *words, "--inherit-path=fallback", "--output-file", out)


def build_zipapp(folder: Path, out: Path) -> None:
    """The standard library's zipapp, whose __main__ is the entry."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        (Path(copy) / "entry.py").rename(Path(copy) / "__main__.py")
        zipapp.create_archive(copy, out)


OURS = {"this one": partial(build_ours, "code"), "--style text": partial(build_ours, "text")}
BUILDERS: dict[str, Builder] = {
    **OURS,
    "stickytape": build_stickytape,
    "scriptmerge": build_scriptmerge,
    "cribo": build_cribo,
    "pex": build_pex,
    "zipapp": build_zipapp,
}
