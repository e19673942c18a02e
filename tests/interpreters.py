"""A minor version of Python -> an interpreter of it on this machine, or a skipped test."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def find_python(version: str) -> str:
    """ "3.12" -> the path of such a Python, see search_python; without one the test is skipped."""
    return search_python(version) or pytest.skip(f"there is no Python {version} on this machine")


def search_python(version: str) -> str | None:
    """ "3.12" -> the path of such a Python: PYTHON312's, this one, on the path, or pyenv's."""
    here = "%d.%d" % sys.version_info[:2]  # noqa: UP031
    home = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [shutil.which(f"python{version}")]
    found += [str(path) for path in sorted(home.glob(f"versions/{version}.*/bin/python"))]
    given = os.environ.get(f"PYTHON{version.replace('.', '')}")
    for path in [given, sys.executable if version == here else None, *found]:
        if path and _tell_version(path) == version:
            return path
    return None


def _tell_version(path: str) -> str:
    """A path -> its version; a shim of pyenv that leads nowhere tells none."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", program], capture_output=True, text=True, check=False)
    except OSError:  # a PYTHON312 that is no program
        return ""
    return done.stdout.strip()
