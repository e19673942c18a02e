"""lib.base.file_lock: one holder at a time, and no need of what only Unix has."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lib.base.file_lock import lock, open_lock_file

ROOT = Path(__file__).resolve().parents[2]
_WITHOUT_FCNTL = """
import importlib, pkgutil, sys
sys.modules["fcntl"] = None
for name in ("lib.kaggle", "lib.commands.on_kaggle"):
    for found in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        importlib.import_module(found.name)
"""


def test_second_holder_is_kept_out_until_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "lock"
    with open_lock_file(path) as one, open_lock_file(path) as two:
        assert lock(one, wait=False)
        assert not lock(two, wait=False)
        timer = threading.Timer(0.05, one.close)
        timer.start()
        assert lock(two), "it waits"
        timer.join()
        assert one.closed


def test_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    words = "import sys; from pathlib import Path; from lib.base.file_lock import *\n"
    words += "file = open_lock_file(Path(sys.argv[1])); lock(file); print('held', flush=True)\n"
    words += "sys.stdin.read()"
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", words, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with open_lock_file(path) as file:
            assert not lock(file, wait=False)
            holder.kill()
            assert lock(file)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fcntl there anyway")
def test_loop_can_be_imported_where_there_is_no_fcntl() -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT_FCNTL], cwd=ROOT, check=True)
